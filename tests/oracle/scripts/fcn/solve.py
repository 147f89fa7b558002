import os

import caffe
import numpy as np
import score
import surgery

weights = "fcn.caffemodel"
if not os.path.exists("snapshot"):
    os.mkdir("snapshot")

caffe.set_mode_cpu()
solver = caffe.SGDSolver("solver.prototxt")
solver.net.copy_from(weights)

interp_layers = [k for k in solver.net.params.keys() if "up" in k]
surgery.interp(solver.net, interp_layers)

val = np.loadtxt("data/ImageSets/Segmentation/val.txt", dtype=str)

for _ in range(2):
    solver.step(4)
    score.seg_tests(solver, val)
