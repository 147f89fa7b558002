"""The net: layers of a prototxt over named blobs.

net.py                  Net: build from a NetParameter, run forward and backward, load and save weights; start here
pycaffe_net.py          PycaffeNet, Net's base: what pycaffe adds in Python, such as blobs by name and batches of arrays
net_state.py            which layers a phase, level and stage keep
net_log.py              the lines that Caffe logs about a net
insert_splits.py        a Split for every blob with several readers
backward_plan.py        which layers run backward, and to which bottoms
parameters.py           learnable parameters and their sharing by name
caffemodel_weights.py   weights in .caffemodel files; hdf5_weights.py in HDF5 files
"""
