"""Layers of Caffe's catalogue chapter `utility`: they reshape, combine or select blobs."""
