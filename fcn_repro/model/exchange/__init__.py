"""Nets and weights in the formats of others: ONNX and PyTorch, there and back.

graph          a net as a list of steps, each blob written once: what both writers work from
onnx_files     ONNX
torch_module   a net as the text of a PyTorch module that needs nothing of this package
torch_files    state_dicts; the one file outside the engine that imports torch, because they are its format
vgg16          VGG-16's weights from elsewhere, made to take Caffe's images
"""
