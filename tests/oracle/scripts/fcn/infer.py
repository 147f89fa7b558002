import sys

import caffe
import numpy as np
from PIL import Image

im = Image.open(sys.argv[1])
in_ = np.array(im, dtype=np.float32)
in_ = in_[:, :, ::-1]
in_ = in_ - np.array((104.00698793, 116.66876762, 122.67891434))
in_ = in_.transpose((2, 0, 1))

net = caffe.Net("deploy.prototxt", "snapshot/train_iter_8.caffemodel", caffe.TEST)
net.blobs["data"].reshape(1, *in_.shape)
net.blobs["data"].data[...] = in_
net.forward()
out = net.blobs["score"].data[0].argmax(axis=0)

np.save("score.npy", net.blobs["score"].data[0])
Image.fromarray(out.astype(np.uint8)).save("output.png")
