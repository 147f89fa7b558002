"""Caffe's file formats.

caffe.proto   the schema: every message and enum; `make proto` compiles it to caffe.desc
caffe_pb2     the message classes, under the names of pycaffe's `caffe.proto.caffe_pb2`; schema loads them
prototxt      read and write nets and solvers as text; start here
text_encoding prototxts and lists whose text is not UTF-8
caffemodel    read and write weights; stored_blob, wire and hdf5_file serve it
solverstate   read and write the state of a training run
upgrade       convert the formats of 2013 (V0) and 2014 (V1) to the current one (V2); upgrade_file rewrites files
lmdb_file     read databases of Datums
text_printer  write messages as text as C++ does

Readers treat files as untrusted: damage raises CaffeError with the file's name and never exhausts memory.
"""
