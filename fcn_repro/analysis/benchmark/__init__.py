"""How fast the engine is beside others that run the same nets: each contender in a process of its own.

place        the files that all contenders work from, and where they lie
contenders   one class for each kind: pycaffe (ours or real Caffe), ONNX Runtime, OpenVINO, a PyTorch module
contender    the child process: runs a job of a contender whenever it is told to, and says what it took
race         the parent: starts the children, lets them take turns, and gathers their times
"""
