"""Layers that produce data, from Caffe's catalogue chapter `data`, and HDF5Output."""
