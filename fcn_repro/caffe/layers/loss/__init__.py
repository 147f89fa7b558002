"""Layers of the chapter loss of Caffe's layer catalogue."""
