"""Layers of the chapter data of Caffe's layer catalogue."""
