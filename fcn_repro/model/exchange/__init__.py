"""Nets and weights in other formats: ONNX and PyTorch, written and read.

export             start here: writes a trained net, and compares what it computes there with what it computes here
graph              a net as a list of steps, the common input of both writers
onnx_files         ONNX
torch_module       a net as the source of a plain PyTorch module
torch_files        state_dicts; imports torch, because they are torch's own format
torchvision_vgg16  VGG-16's weights from elsewhere, converted to Caffe's preprocessing
"""
