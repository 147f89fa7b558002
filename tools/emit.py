"""Write prototxts: of experiments, and of the classifiers that these start from.

    python -m tools.emit voc-fcn8s vgg16    what is named
    python -m tools.emit --all              all there is

A file that is right already is left untouched, so nothing that was made from it counts as out of date.

Writes   build/<experiment>/{train,val,deploy,solver}.prototxt and deploy.json (classes and mean);
         build/ilsvrc/<net>/{train,val,deploy}.prototxt
Exit     0 written · 2 bad arguments
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Mapping

from google.protobuf import text_format
from google.protobuf.message import Message

from fcn_repro.datasets import DATASETS, DataSet
from fcn_repro.model import deploy_metadata
from fcn_repro.model.deploy_metadata import Deployment
from fcn_repro.model.run_folder import BUILD, CLASSIFIER_NETS, RunFolder
from fcn_repro.system.atomic_write import replacing
from nets import CLASSIFIERS, CONVOLUTIONAL, PHASES, build
from solvers.experiments import EXPERIMENTS, Experiment, classifier_of
from solvers.prototxt import solver
from tools import program

ILSVRC = [name for name in (*CLASSIFIERS, *CONVOLUTIONAL) if name not in EXPERIMENTS]
NAMES = [*EXPERIMENTS, *ILSVRC]


def main(options: argparse.Namespace) -> None:
    for name in NAMES if options.all else options.names:
        if name in EXPERIMENTS:
            emit_experiment(EXPERIMENTS[name])
        else:
            emit_classifier(name)


def known(name: str) -> str:
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"unknown name {name!r}; expected one of: {', '.join(NAMES)}")
    return name


def emit_experiment(row: Experiment, place: Path = BUILD, data: DataSet | None = None) -> None:
    """The three nets and the solver of a row; a variant of one goes to another place, and may bring its own data."""
    folder, data = RunFolder(row.name, place), varied(data or DATASETS[row.data], row.varied, row.scored)
    for phase in PHASES:
        write(folder.path / f"{phase}.prototxt", build(row.net, phase, data, row.regime.normalize))
    deploy_metadata.write(folder.facts, Deployment.of(data))
    images = data.splits[str(data.val.params["split"])]
    write(folder.solver, solver(row, folder.train, folder.val, images, folder.snapshot_prefix))
    folder.snapshot_prefix.parent.mkdir(exist_ok=True)  # Caffe wants it to be there


def varied(data: DataSet, train: Mapping[str, object], val: Mapping[str, object]) -> DataSet:
    """A data set whose layers have further options, those that learn and those that are scored."""
    learnt = replace(data.train, params={**data.train.params, **train})
    scored = replace(data.val, params={**data.val.params, **val})
    return replace(data, train=learnt, val=scored)


def emit_classifier(name: str) -> None:
    """An ILSVRC net; a convolutional one has the classes of the run that trains it, if one does."""
    trained = EXPERIMENTS.get(classifier_of(name) or name)
    for phase in ["deploy"] if name in CONVOLUTIONAL else PHASES:
        message = build(name, phase, DATASETS[trained.data] if trained else None)
        write(RunFolder(name, CLASSIFIER_NETS).path / f"{phase}.prototxt", message)


def write(path: Path, message: Message) -> None:
    text = f"# Made by tools/emit.py: change nets/ or solvers/, not this file.\n{text_format.MessageToString(message)}"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text)
    print(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", type=known, help=", ".join(NAMES))
    parser.add_argument("--all", action="store_true", help="all there is")
    options = parser.parse_args()
    if bool(options.names) == options.all:
        parser.error("give either names or --all")
    sys.exit(program.run(main, options))
