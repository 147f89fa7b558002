"""How a fully convolutional network is run: data, surgery, training, scoring, and the engine underneath.

engine      picks the engine, torch (`fcn_repro.caffe`) or bvlc (real pycaffe)
caffe/      our pycaffe-compatible engine on PyTorch
datasets/   one file per data set: its facts, its data layers, its preparation
folder      names the files of a run
surgery     moves weights between nets; bilinear interpolation filters
solve       trains one experiment, scoring after every round; resume, interruption, learning_curve, diagnosis serve it
score       runs a net over its split; heads says what is compared, metrics are the four formulas, report is score.json
infer       labels photographs; palette and pictures show labels
heatmap     shows where a classifier sees a class; synsets are the concepts above its classes
adoption    what is noted of data sets that people bring along
paper       the paper's tables, and where our scores are
fetch       brings files from elsewhere; download and unpack serve it
atomic lock whole files or none; one process at a time
"""

__version__ = "0.1.0"
