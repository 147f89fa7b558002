"""Make a folder of images and label maps a data set like those that are built in, with runs of its own.

    python -m tools.adopt photos --classes photos/classes.txt
    python -m tools.adopt photos --classes photos/classes.txt --name cells --like voc-fcn32s --init voc-fcn8s

The folder has images/ and labels/, or JPEGImages/ and SegmentationClass/ as VOC; label maps hold the numbers of
classes, counted from 0 in the order of the list, and 255 for void. Splits are those of train.txt and val.txt, or are
made (fcn_repro/datasets/user/folder_layout.py). Nothing is copied and nothing there is changed.

The runs have the nets and the recipe of another run (--like) and of those it starts from: voc-fcn8s, the default, makes
NAME-fcn32s, NAME-fcn16s and NAME-fcn8s. The score layers have as many outputs as the list has classes, and begin anew;
all else starts from what that run starts from, or from --init: a file of weights, a run of any data set, or released
weights (python -m tools.fetch lists them).
Learning rates are for photographs of VOC's size, half a million pixels; the loss is a sum over them.

Writes   build/adopted/NAME/
Prints   the name of the last run: train it with make, check its data with tools.check NAME
Exit     0 adopted · 2 bad arguments · 3 the folder, the list or the weights are not as they should be
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
from fcn_repro.datasets.user.registry import Adoption
from fcn_repro.datasets.user.user_dataset import adopt, facts, write
from fcn_repro.errors import DataError
from fcn_repro.model import surgery
from fcn_repro.model.run_folder import RunFolder
from nets import FCNS, build
from nets.fcn import Inputs
from solvers.experiments import EXPERIMENTS, TABLE, WEIGHTS, adopted
from tools import program

MODELS = [name for name, row in TABLE.items() if row.net in FCNS and FCNS[row.net].inputs is Inputs.ONE]


def main(options: argparse.Namespace) -> None:
    name = options.name or re.sub("[^a-z0-9_]+", "-", options.folder.resolve().name.lower()).strip("-")
    check_name(name)
    note, splits = adopt(options.folder, options.classes, name, options.like)
    check_unchanged(note, splits)
    if options.init:
        surgery.decapitate(build(adopted(note)[0].net, "deploy", facts(note)), weights(options.init), note.init)
    elif note.init.is_file():
        note.init.unlink()
    write(note, splits)
    counts = ", ".join(f"{count} images in {split}" for split, count in note.splits.items())
    print(f"{name}: {counts}, {len(note.class_names)} classes", file=sys.stderr)
    print(adopted(note)[-1].name)


def check_name(name: str) -> None:
    """Refuse a name that is taken, or would not do as a make target."""
    ours = {*DATASETS, *(row.data for row in TABLE.values())} - {note.name for note in registry.adoptions()}
    families = {row.partition("-")[0] for row in TABLE} | {data.partition("-")[0] for data in ours}
    if name in ours | families or not re.fullmatch(registry.NAME, name):
        raise DataError(f"a data set cannot be called {name!r}: give it another --name, of small letters and digits")


def check_unchanged(note: Adoption, splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse to change a data set under runs that were trained on it as it was."""
    same = note in registry.adoptions()
    if not same or any(read_list(note.list_file(split)) != tuple(items) for split, items in splits.items()):
        folders = [RunFolder(row.name) for row in EXPERIMENTS.values() if row.data == note.name]
        trained = [folder.path for folder in folders if folder.final.is_file() or folder.snapshots()]
        if trained:
            those = ", ".join(map(str, trained))
            raise DataError(
                f"{note.name} is not what it was, and was trained on: remove {those}, or give another --name"
            )


def weights(init: str) -> Path:
    """The file that is meant: itself, what a run handed on, or what was released."""
    if init.endswith(WEIGHTS):
        return Path(init)
    final = RunFolder(init).final
    return final if final.is_file() else fetch(init)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classes", type=Path, required=True, metavar="FILE", help="names of classes, one a line")
    parser.add_argument("--name", help="of the data set; by default that of the folder")
    parser.add_argument("--like", choices=MODELS, default="voc-fcn8s", metavar="RUN", help=", ".join(MODELS))
    parser.add_argument("--init", metavar="WEIGHTS", help="what to start from: a .caffemodel, a run, or released ones")
    sys.exit(program.run(main, parser.parse_args()))
