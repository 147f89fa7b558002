"""Caffe's random numbers, to the bit."""
