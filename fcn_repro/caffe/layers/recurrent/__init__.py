"""Layers of the chapter recurrent of Caffe's layer catalogue."""
