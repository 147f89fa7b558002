"""How a fully convolutional network is run: data, surgery, training, scoring, and the engine underneath.

engine      picks the engine, torch (`fcn_repro.caffe`) or bvlc (real pycaffe)
caffe/      our pycaffe-compatible engine on PyTorch
datasets/   one file per data set: its facts, its data layers, its preparation
surgery     moves weights between nets; bilinear interpolation filters
solve       trains one experiment, scoring after every round
score       the paper's four metrics over one histogram
paper       the paper's tables, and a score beside its claim
"""

__version__ = "0.1.0"
