"""Layers of Caffe's catalogue chapter `vision`: they slide a window over images or crop them."""
