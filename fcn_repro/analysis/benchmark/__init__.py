"""Speed and memory of the engine beside other libraries that run the same nets, each in a separate process.

comparison       which backends run which jobs; compares their scores, and reports
rounds           the parent process: starts the backends, lets them take turns, and collects their times
backend_process  the child process: runs a job once for every line on stdin and answers with its time
backends         a class for each kind of backend: pycaffe (ours or real Caffe), ONNX Runtime, OpenVINO, PyTorch
files            the files that all backends read
preparation      writes them: a net with random weights in every format, and random images
real_caffe       finds or installs a real Caffe
"""
