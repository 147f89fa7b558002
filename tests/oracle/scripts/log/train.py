"""Train with everything that Caffe logs; resume from a snapshot too. Any engine runs this script."""

import os
import sys

import caffe

FOLDER = os.path.dirname(os.path.abspath(__file__))

caffe.set_mode_cpu()
solver = caffe.get_solver(os.path.join(FOLDER, sys.argv[1] + ".prototxt"))
solver.solve(*sys.argv[2:])
