"""Readers of weight files from other programs: one module for each container. No code in a file runs.

identify             start here: recognises the container by its first bytes and reads it
torch_pickle         state_dicts of PyTorch, in both of its formats
npz_file             NumPy's archives
keras_h5             HDF5 files of Keras
matconvnet_mat       MATLAB 5 files of MatConvNet
onnx_initializers    the constants of an ONNX graph
safetensors_file     safetensors

Each reads a path and returns a `WeightFile`: arrays by the names that the file gives, as the file lays them out. Each
raises `UnreadableFile` with the reason.
"""
