"""Layers of the chapter normalization of Caffe's layer catalogue."""
