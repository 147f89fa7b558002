"""Losses of Caffe's catalogue, and Accuracy."""
