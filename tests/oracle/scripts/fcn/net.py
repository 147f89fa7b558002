import caffe
from caffe import layers as L
from caffe import params as P
from caffe.coord_map import crop


def conv_relu(bottom, nout, ks=3, pad=1):
    conv = L.Convolution(
        bottom, kernel_size=ks, stride=1, num_output=nout, pad=pad,
        param=[dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)])  # fmt: skip
    return conv, L.ReLU(conv, in_place=True)


def max_pool(bottom):
    return L.Pooling(bottom, pool=P.Pooling.MAX, kernel_size=2, stride=2)


def trunk(n, pad):
    n.conv1_1, n.relu1_1 = conv_relu(n.data, 8, pad=pad)
    n.pool1 = max_pool(n.relu1_1)
    n.conv2_1, n.relu2_1 = conv_relu(n.pool1, 12)
    n.pool2 = max_pool(n.relu2_1)
    n.conv3_1, n.relu3_1 = conv_relu(n.pool2, 16)
    n.pool3 = max_pool(n.relu3_1)


def score(bottom, classes):
    return L.Convolution(
        bottom, num_output=classes, kernel_size=1, pad=0,
        param=[dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)])  # fmt: skip


def upscore(bottom, classes, ks, stride):
    return L.Deconvolution(
        bottom, convolution_param=dict(num_output=classes, kernel_size=ks, stride=stride, bias_term=False),
        param=[dict(lr_mult=0)])  # fmt: skip


def fcn(split, classes=4):
    n = caffe.NetSpec()
    if split == "deploy":
        n.data = L.Input(input_param=dict(shape=dict(dim=[1, 3, 40, 40])))
    else:
        settings = dict(voc_dir="data", split=split, mean=(104.00699, 116.66877, 122.67892), seed=1337)
        n.data, n.label = L.Python(module="voc_layers", layer="VOCSegDataLayer", ntop=2, param_str=str(settings))
    trunk(n, pad=20)
    n.fc4, n.relu4 = conv_relu(n.pool3, 32, ks=3, pad=0)
    last = n.relu4
    if split != "deploy":
        n.drop4 = last = L.Dropout(last, dropout_ratio=0.5, in_place=True)
    n.score_fr = score(last, classes)
    n.upscore2 = upscore(n.score_fr, classes, 4, 2)
    n.score_pool2 = score(n.pool2, classes)
    n.score_pool2c = crop(n.score_pool2, n.upscore2)
    n.fuse_pool2 = L.Eltwise(n.upscore2, n.score_pool2c, operation=P.Eltwise.SUM)
    n.upscore4 = upscore(n.fuse_pool2, classes, 8, 4)
    n.score = crop(n.upscore4, n.data)
    if split != "deploy":
        n.loss = L.SoftmaxWithLoss(n.score, n.label, loss_param=dict(normalize=False, ignore_label=255))
    return n.to_proto()


def classifier():
    n = caffe.NetSpec()
    n.data = L.Input(input_param=dict(shape=dict(dim=[1, 3, 24, 24])))
    trunk(n, pad=1)
    n.fc4 = L.InnerProduct(n.pool3, num_output=32)
    n.relu4 = L.ReLU(n.fc4, in_place=True)
    n.drop4 = L.Dropout(n.relu4, dropout_ratio=0.5, in_place=True)
    n.fc5 = L.InnerProduct(n.drop4, num_output=10)
    proto = n.to_proto()
    for layer in proto.layer:  # random weights in place of ILSVRC's
        for param in (layer.convolution_param, layer.inner_product_param):
            if param.num_output:
                param.weight_filler.type = "xavier"
                param.bias_filler.type = "gaussian"
                param.bias_filler.std = 0.1
    return proto


if __name__ == "__main__":
    with open("classifier.prototxt", "w") as f:
        f.write(str(classifier()))
    for split in ("train", "val", "deploy"):
        with open(split + ".prototxt", "w") as f:
            f.write(str(fcn(split)))
