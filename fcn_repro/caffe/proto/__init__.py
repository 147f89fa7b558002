"""Caffe's file formats: the schema, its message classes, prototxt text, caffemodel weights, and older formats.

schema      every message and enum, as one text
compiler    that text -> a FileDescriptorProto (protoc's job)
caffe_pb2   the message classes, as pycaffe's `caffe.proto.caffe_pb2` has them
prototxt    read and write nets and solvers as text
caffemodel  read and write weights; stored_blob, wire and hdf5_file serve it
solverstate read and write where a training run stands
upgrade     formats of 2013 and 2014 -> today's
"""
