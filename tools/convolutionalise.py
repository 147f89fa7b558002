"""Convolutionalise a classifier: the same weights, for images of any size.

    python -m tools.convolutionalise vgg16
    python -m tools.convolutionalise vgg16 --weights my/VGG_ILSVRC_16_layers.caffemodel

Reads    the classifier's weights: a run's final ones, or released ones, which are downloaded if missing
Writes   build/<classifier>-fcn.caffemodel, and the prototxts of both nets
Exit     0 written · 1 weights that do not fit · 2 bad arguments · 3 weights missing
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.model.find_weights import fetch_weights, find_weights
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, classifier_weights
from fcn_repro.model.surgery import convolutionalise
from fcn_repro.system.output_paths import check_outputs
from nets import CLASSIFIERS
from solvers.emit import emit_classifier, emit_experiment
from solvers.experiments import CONVOLUTIONAL, EXPERIMENTS
from tools import program


def main(options: argparse.Namespace) -> None:
    classifier, name = options.classifier, f"{options.classifier}{CONVOLUTIONAL}"
    emit_classifier(name)
    if classifier in EXPERIMENTS:
        emit_experiment(EXPERIMENTS[classifier])
        folder, given = RunFolder(classifier), options.weights
    else:
        emit_classifier(classifier)
        folder = RunFolder(classifier, CLASSIFIER_NETS)
        given = options.weights or fetch_weights(classifier, lambda: folder.deploy)
    weights = find_weights(folder, given)
    out = classifier_weights(name)
    check_outputs([(out, weights)], [weights], "copy the weights to another file")
    print(convolutionalise(folder.deploy, weights, RunFolder(name, CLASSIFIER_NETS).deploy, out))
    print(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classifier", choices=CLASSIFIERS)
    parser.add_argument("--weights", type=Path, metavar="FILE", help="the classifier's weights, instead of known ones")
    sys.exit(program.run(main, parser.parse_args()))
