"""Register a folder of images and label maps as a data set, with experiments of its own.

    python -m tools.user_dataset photos --classes photos/classes.txt
    python -m tools.user_dataset photos --classes photos/classes.txt --name cells --like voc-fcn32s --init voc-fcn8s

The folder holds images/ and labels/, or JPEGImages/ and SegmentationClass/ as in VOC. Label maps hold class indices,
from 0 in the order of the list, and 255 for void. train.txt and val.txt define the splits, or the program makes them
(fcn_repro/datasets/user/folder_layout.py). It copies nothing, and changes nothing in the folder.

The experiments have the nets and recipes of another experiment (--like) and of its predecessors. The default,
voc-fcn8s, yields NAME-fcn32s, NAME-fcn16s and NAME-fcn8s. The score layers get one output per class and start from
scratch. All other layers start from the same weights as that experiment, or from --init: a .caffemodel, an experiment
of any data set, or released weights (python -m tools.fetch lists them).
Learning rates fit images of VOC's size, half a million pixels, since the loss is a sum over pixels.

Writes   build/adopted/NAME/
Prints   the name of the last experiment: train it with make, validate its data with tools.validate_data NAME
Exit     0 registered · 2 bad arguments · 3 wrong folder, list or weights
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Mapping, Sequence

from fcn_repro.datasets import DATASETS
from fcn_repro.datasets.download.fetch import fetch
from fcn_repro.datasets.file_readers import read_list
from fcn_repro.datasets.user import registry
from fcn_repro.datasets.user.registry import UserDataset
from fcn_repro.datasets.user.user_dataset import make_facts, scan_folder, write
from fcn_repro.errors import DataError
from fcn_repro.model import surgery
from fcn_repro.model.run_folder import RunFolder
from nets import FCNS, build
from nets.fcn import Inputs
from solvers.experiments import EXPERIMENTS, TABLE, WEIGHTS, user_rows
from tools import program

MODELS = [name for name, row in TABLE.items() if row.net in FCNS and FCNS[row.net].inputs is Inputs.ONE]


def main(options: argparse.Namespace) -> None:
    name = options.name or re.sub("[^a-z0-9_]+", "-", options.folder.resolve().name.lower()).strip("-")
    check_name(name)
    note, splits = scan_folder(options.folder, options.classes, name, options.like)
    check_unchanged(note, splits)
    rows = user_rows(note)
    if options.init:
        net = build(rows[0].net, "deploy", make_facts(note))
        surgery.save_trunk(net, find_weights(options.init), note.init)
    elif note.init.is_file():
        note.init.unlink()
    write(note, splits)
    counts = ", ".join(f"{count} images in {split}" for split, count in note.splits.items())
    print(f"{name}: {counts}, {len(note.class_names)} classes", file=sys.stderr)
    print(rows[-1].name)


def check_name(name: str) -> None:
    """Refuse names in use, and names that are no make targets."""
    ours = {*DATASETS, *(row.data for row in TABLE.values())} - {n.name for n in registry.list_user_datasets()}
    families = {row.partition("-")[0] for row in TABLE} | {data.partition("-")[0] for data in ours}
    if name in ours | families or not re.fullmatch(registry.NAME, name):
        raise DataError(f"data set: got the name {name!r}; expected an unused --name of lower-case letters and digits")


def check_unchanged(note: UserDataset, splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse to change a data set with trained experiments."""
    is_same = note in registry.list_user_datasets()
    if not is_same or any(read_list(note.list_file(split)) != tuple(items) for split, items in splits.items()):
        folders = [RunFolder(row.name) for row in EXPERIMENTS.values() if row.data == note.name]
        trained = [str(folder.path) for folder in folders if folder.final.is_file() or folder.snapshots()]
        if trained:
            remedy = f"Fix: remove {', '.join(trained)}, or give another --name"
            raise DataError(f"{note.name}: the data set has changed since it was used for training. {remedy}")


def find_weights(init: str) -> Path:
    """Return a weights file: the given file, an experiment's final weights, or released weights."""
    if init.endswith(WEIGHTS):
        return Path(init)
    final = RunFolder(init).final
    return final if final.is_file() else fetch(init)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classes", type=Path, required=True, metavar="FILE", help="class names, one a line")
    parser.add_argument("--name", help="of the data set; default: the folder's name")
    parser.add_argument("--like", choices=MODELS, default="voc-fcn8s", metavar="RUN", help=", ".join(MODELS))
    parser.add_argument("--init", metavar="WEIGHTS", help="a .caffemodel, an experiment, or released weights")
    sys.exit(program.run(main, parser.parse_args()))
