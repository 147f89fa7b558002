"""Layers of the chapter activation of Caffe's layer catalogue."""
