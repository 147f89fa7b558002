"""Register a folder of images and label maps as a data set, with experiments of its own.

    python -m tools.user_dataset photos --classes photos/classes.txt
    python -m tools.user_dataset photos --classes photos/classes.txt --name cells --like voc-fcn32s --init voc-fcn8s
    python -m tools.user_dataset ade --classes ade/names.txt --images training/images --labels training/masks \\
        --values 1-150 --void 0

The folder holds images/ and labels/, or JPEGImages/ and SegmentationClass/ as in VOC; --images and --labels name
others. train.txt and val.txt define the splits, or the program makes them (fcn_repro/datasets/user/split_lists.py). It
copies no image, and changes nothing in the folder.

Classes       one name a line, or a list of labelme, cvat or a CSV (fcn_repro/datasets/user/class_list.py)
Label maps    class indices from 0 in the order of the list, and 255 for void, in PNG or another lossless format.
              Other forms are converted to build/adopted/NAME/labels/ when the data set is checked, and again when they
              or the classes change: other values (--values, --void), colours (--colours), JPEG (--tolerance), .mat
              files (--mat-field), outlines of labelme or COCO, other sizes than the images' (--resize-labels)
Experiments   the nets and recipes of another experiment (--like) and of its predecessors. The default, voc-fcn8s,
              yields NAME-fcn32s, NAME-fcn16s and NAME-fcn8s. The score layers get one output per class and start from
              scratch. All other layers start from the same weights as that experiment, or from --init: a .caffemodel,
              an experiment of any data set, or released weights (python -m tools.fetch lists them). Learning rates fit
              images of VOC's size, half a million pixels, since the loss is a sum over pixels
Class weights --class-weights median, or a number per class, multiplies each pixel's loss by the weight of its class;
              large weights are large steps

Writes   build/adopted/NAME/
Prints   the name of the last experiment: train it with make, validate its data with tools.validate_data NAME
Exit     0 registered · 2 bad arguments · 3 wrong folder, list or weights
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Mapping, Sequence

from fcn_repro.datasets import DATASETS, register
from fcn_repro.datasets.file_readers import read_list
from fcn_repro.datasets.user import class_list, class_weights, folder_layout, registry
from fcn_repro.datasets.user.class_list import ClassList
from fcn_repro.datasets.user.label_forms import complete_form, list_colours
from fcn_repro.datasets.user.registry import LabelForm, UserDataset
from fcn_repro.datasets.user.user_dataset import describe_zero, make_facts, scan_folder, write
from fcn_repro.errors import DataError
from fcn_repro.model import surgery
from fcn_repro.model.find_weights import fetch_weights
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.output_paths import check_outputs
from nets import FCNS, build
from nets.fcn import Inputs
from solvers.emit import emit_deploy
from solvers.experiments import EXPERIMENTS, TABLE, WEIGHTS, user_rows
from tools import program

MODELS = [name for name, row in TABLE.items() if row.net in FCNS and FCNS[row.net].inputs is Inputs.ONE]


def main(options: argparse.Namespace) -> None:
    name = options.name or re.sub("[^a-z0-9_]+", "-", options.folder.resolve().name.lower()).strip("-")
    check_name(name)
    classes = class_list.read_classes(Path(options.classes))
    endings = (options.image_ending, options.label_ending)
    layout = folder_layout.find_layout(options.folder, options.images, options.labels, *endings)
    before = registry.read_user_dataset(name) if registry.is_registered(name) else None
    form = complete_form(make_form(options, classes), classes, layout, before)
    note, splits = scan_folder(layout, classes, name, options.like, form)
    check_unchanged(note, splits)
    weights = class_weights.parse_weights(options.class_weights, len(classes.names))
    rows = user_rows(note)
    if options.init:
        init = find_weights(options.init)
        check_outputs([(note.init, init), (note.init.with_suffix(".prototxt"), init)], [init], "another --name")
        net = build(rows[0].net, "deploy", make_facts(note))
        surgery.save_trunk(net, init, note.init)
    elif note.init.is_file():
        note.init.unlink()
    write(note, splits)
    if options.class_weights:
        register()
        class_weights.weigh_classes(note, weights)
    counts = ", ".join(f"{count} images in {split}" for split, count in note.splits.items())
    print(f"{name}: {counts}, {len(note.class_names)} classes", file=sys.stderr)
    advice = describe_zero(note)
    if advice:
        print(advice, file=sys.stderr)
    print(rows[-1].name)


def make_form(options: argparse.Namespace, classes: ClassList) -> LabelForm:
    """Return the form of the label maps that the options describe."""
    colours = list_colours(options.colours, classes.names) if options.colours else ()
    values, void, resize = options.values or (), options.void or (), options.resize_labels
    return LabelForm(values, void, colours, options.tolerance, options.mat_field, resize=resize)


def numbers(text: str) -> tuple[int, ...]:
    """Parse label values: 3 or 0,255 or 1-150."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*", part)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise argparse.ArgumentTypeError(f"got {text!r}, expected label values, such as 3 or 0,255 or 1-150")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(found)


def check_name(name: str) -> None:
    """Refuse names in use, and names that are no make targets."""
    ours = {*DATASETS, *(row.data for row in TABLE.values())} - {n.name for n in registry.list_user_datasets()}
    families = {row.partition("-")[0] for row in TABLE} | {data.partition("-")[0] for data in ours}
    if name in ours | families or not re.fullmatch(registry.NAME, name):
        raise DataError(f"data set: got the name {name!r}; expected an unused --name of lower-case letters and digits")


def check_unchanged(note: UserDataset, splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse to change a data set with trained experiments."""
    is_same = note in [replace(each, class_weights=()) for each in registry.list_user_datasets()]
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
    if final.is_file():
        return final
    with contextlib.redirect_stdout(sys.stderr):  # make reads the experiment's name from stdout
        return fetch_weights(init, lambda: emit_deploy(init))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classes", required=True, metavar="FILE", help="class names, one a line")
    parser.add_argument("--name", help="of the data set; default: the folder's name")
    parser.add_argument("--like", choices=MODELS, default="voc-fcn8s", metavar="RUN", help=", ".join(MODELS))
    parser.add_argument("--init", metavar="WEIGHTS", help="a .caffemodel, an experiment, or released weights")
    files = parser.add_argument_group("files")
    files.add_argument("--images", default="", metavar="FOLDER", help="in the folder; default: images or JPEGImages")
    labels = "in the folder, or a COCO file; default: labels or SegmentationClass"
    files.add_argument("--labels", default="", metavar="FOLDER", help=labels)
    for part, example in (("image", "_leftImg8bit"), ("label", "_gtFine_labelIds")):
        ending = f"what the {part}s' names end with, before the suffix: {example}"
        files.add_argument(f"--{part}-ending", default="", metavar="TEXT", help=ending)
    form = parser.add_argument_group("label maps")
    form.add_argument("--values", type=numbers, metavar="N,N", help="the label of each class; default: 0, 1, ...")
    form.add_argument("--void", type=numbers, metavar="N,N", help="labels of no class, beside 255")
    form.add_argument("--colours", default="", metavar="TABLE", help='"voc", or a CSV with the columns name, r, g, b')
    program.add_tolerance(form)
    form.add_argument("--mat-field", default="", metavar="NAME", help="the variable in .mat files, or STRUCT.FIELD")
    form.add_argument("--resize-labels", action="store_true", help="scale label maps to their images, nearest pixel")
    weights = "median (frequency), or a number per class with commas"
    parser.add_argument("--class-weights", default="", metavar="WEIGHTS", help=weights)
    options = parser.parse_args()
    if not options.classes:
        parser.error("--classes: got no file; expected a list of classes. With make: make train DATA=... CLASSES=FILE")
    sys.exit(program.run(main, options))
