"""Layers of the chapter common of Caffe's layer catalogue."""
