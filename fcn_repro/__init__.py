"""How a fully convolutional network is run: data, surgery, training, scoring, and the engine underneath.

what everything stands on
    engine      picks the engine, torch (`fcn_repro.caffe`) or bvlc (real pycaffe); device says where it computes,
                memory how much there is
    caffe/      our pycaffe-compatible engine on PyTorch
    datasets/   one file per data set: its facts, its data layers, its preparation
    folder      names the files of a run; deployment is the note beside a net that is to be used
    paper       the paper's tables, and where our scores are
    fetch       brings files from elsewhere; download and unpack serve it
    atomic lock bounded   whole files or none; one process at a time; no stranger's file larger than it may be
    installed   where nets, solvers, tools and tables lie; command runs them for installed users
training
    surgery     moves weights between nets; bilinear interpolation filters; initialisation is a net's first weights,
                hed stands in for ILSVRC's where these cannot be had
    solve       trains one experiment, scoring after every round; resume, interruption, learning_curve, learning_rate,
                diagnosis, examples and tensorboard serve it
    ranks       processes that train or score one run together; solver_param shares the work out
    adoption    what is noted of data sets that people bring along
scoring, and what is made of it
    score       runs a net over its split; heads says what is compared, metrics are the four formulas, subsets count
                some of the classes, report is score.json
    study       what a side experiment found; upper_bounds, dense and dilation are experiments of their own
    page/       one HTML page of everything; curves are charts for it, diagram/ draws them and nets
    state learnt   how far a run has come, and how many of a net's numbers learn: for the list of experiments
    submission  what PASCAL VOC's evaluation server takes
using trained nets
    infer       labels photographs; labelling is for many, tiling and tile_size for large ones, photograph for
                whatever format; palette and pictures show labels
    exchange/   nets and weights in the formats of others
    heatmap     shows where a classifier sees a class; synsets are the concepts above its classes
arithmetic
    geometry    where the cells of blobs lie on the image; sliding, interpolation and prediction are small parts
what it costs
    cost/       what nets cost, by layer: counted and measured; bench/ measures the engine beside others; machine
                says on what
"""

__version__ = "0.1.0"
