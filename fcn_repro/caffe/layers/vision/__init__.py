"""Layers of the chapter vision of Caffe's layer catalogue."""
