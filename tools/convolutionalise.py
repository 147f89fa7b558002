"""Turn a classifier into a fully convolutional net: the same weights, for images of any size.

    python -m tools.convolutionalise vgg16
    python -m tools.convolutionalise vgg16 --weights my/VGG_ILSVRC_16_layers.caffemodel

Reads    the classifier's weights: a run's final ones, or released ones, which are fetched if they are not here
Writes   build/<classifier>-fcn.caffemodel, and the two nets' prototxts
Exit     0 written · 1 weights that do not fit · 2 bad arguments · 3 weights missing
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.datasets.download.fetch import fetch
from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, converted
from fcn_repro.model.surgery import convolutionalise
from nets import CLASSIFIERS
from solvers.experiments import CONVOLUTIONAL, EXPERIMENTS
from tools import program
from tools.emit import emit_classifier, emit_experiment


def main(options: argparse.Namespace) -> None:
    classifier, name = options.classifier, f"{options.classifier}{CONVOLUTIONAL}"
    emit_classifier(name)
    if classifier in EXPERIMENTS:
        emit_experiment(EXPERIMENTS[classifier])
        dense = RunFolder(classifier).deploy
        weights = options.weights or RunFolder(classifier).final
    else:
        emit_classifier(classifier)
        dense = RunFolder(classifier, CLASSIFIER_NETS).deploy
        weights = options.weights or fetch(classifier)
    if not weights.exists():
        raise DataError(f"{weights}: missing; expected the weights of {classifier}. Make them: make {classifier}")
    print(convolutionalise(dense, weights, RunFolder(name, CLASSIFIER_NETS).deploy, converted(name)))
    print(converted(name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classifier", choices=CLASSIFIERS)
    parser.add_argument("--weights", type=Path, metavar="FILE", help="the classifier's, in place of the known ones")
    sys.exit(program.run(main, parser.parse_args()))
