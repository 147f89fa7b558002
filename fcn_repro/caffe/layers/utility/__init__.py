"""Layers of the chapter utility of Caffe's layer catalogue."""
