"""Turn a classifier into a fully convolutional net: the same weights, for images of any size.

    python -m tools.convolutionalise vgg16-fcn
    python -m tools.convolutionalise vgg16-fcn --weights my/VGG_ILSVRC_16_layers.caffemodel

Reads    the classifier's weights: a run's final ones, or released ones, which are fetched if they are not here
Writes   build/<name>.caffemodel, and the two nets' prototxts
Exit     0 written · 1 weights that do not fit · 2 bad arguments · 3 weights missing
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.errors import DataError
from fcn_repro.fetch import fetch
from fcn_repro.folder import BUILD, RunFolder, converted
from fcn_repro.surgery import convolutionalise
from nets import CONVOLUTIONAL
from solvers.experiments import EXPERIMENTS
from tools import program
from tools.emit import emit_classifier, emit_experiment


def main(options: argparse.Namespace) -> None:
    classifier, ilsvrc = CONVOLUTIONAL[options.name], BUILD / "ilsvrc"
    emit_classifier(options.name)
    if classifier in EXPERIMENTS:
        emit_experiment(EXPERIMENTS[classifier])
        dense = RunFolder(classifier).deploy
        weights = options.weights or RunFolder(classifier).final
    else:
        emit_classifier(classifier)
        dense = RunFolder(classifier, ilsvrc).deploy
        weights = options.weights or fetch(classifier)
    if not weights.exists():
        raise DataError(f"{weights}: missing; expected the weights of {classifier}. Make them: make {classifier}")
    out = converted(options.name)
    print(convolutionalise(dense, weights, RunFolder(options.name, ilsvrc).deploy, out))
    print(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=CONVOLUTIONAL)
    parser.add_argument("--weights", type=Path, metavar="FILE", help="the classifier's, in place of the known ones")
    sys.exit(program.run(main, parser.parse_args()))
