"""Nets and weights in other formats: ONNX and PyTorch, written and read.

export             start here: writes a trained net, and compares what it computes there with what it computes here
graph              a net as a list of steps, the common input of both writers
onnx_files         ONNX
torch_module       a net as the source of a plain PyTorch module
torch_files        writes state_dicts; imports torch, because they are torch's own format

imported_weights   start here: weights of other programs as caffemodels, recognised, converted and checked
naming             the table of those programs' conventions: names, axes, channel order
preprocessing      weights trained with other preprocessing of images than Caffe's
weight_files       a reader for each container
"""
