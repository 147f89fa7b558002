"""Read every image and label map of a data set, and say what is wrong with them and what they hold.

    python -m tools.check voc
    python -m tools.check voc --split val
    python -m tools.check cells --convert voc            an adopted data set (tools.adopt) with labels in VOC's colours
    python -m tools.check cells --convert colours.csv    or in others: a CSV of the columns name, r, g, b

Wrong are files that are missing, damaged, or not of one size; labels that are no class, or colours; and images that
are learnt and scored. Suspicious is what will train, and hardly be what was meant.

Reads    the data set
Writes   with --convert build/adopted/<dataset>/labels/, the label maps as class indices, which are used from then on
Exit     0 nothing is wrong · 2 bad arguments · 3 something is, image by image with its reason
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.datasets import DATASETS, register
from fcn_repro.datasets.base import DataSet
from fcn_repro.datasets.inspection import Inspection, inspect, leaks, suspicions
from fcn_repro.datasets.user import colour_table, folder_layout, registry
from fcn_repro.errors import DataError
from tools import program

TOLD = 20  # faults: after so many the rest is counted


def main(options: argparse.Namespace) -> None:
    register()
    facts = DATASETS[options.dataset]
    if options.convert:
        convert(options.dataset, options.convert)
    splits = [options.split] if options.split else ["train", "val"]
    found = {split: inspect(facts.train if split == "train" else facts.val) for split in splits}
    for split, inspection in found.items():
        report(split, inspection, facts)
    faults = [fault for inspection in found.values() for fault in inspection.faults]
    if len(found) == 2:
        faults += parted(*found.values())
    if faults:
        rest = [f"... and {len(faults) - TOLD} more"] if len(faults) > TOLD else []
        raise DataError("\n".join([*faults[:TOLD], *rest, facts.remedy]))


def report(split: str, found: Inspection, facts: DataSet) -> None:
    """Print what a split holds."""
    print(f"{split}: {found.images} images, {len(found.faults)} of them faulty")
    for i, (pixels, having) in enumerate(zip(found.pixels, found.having)):
        names = facts.class_names if i == 0 else ()  # a second label map has classes of its own
        for label in pixels.nonzero()[0]:
            name = "void" if label == facts.void else names[label] if label < len(names) else ""
            share = 100 * pixels[label] / pixels.sum()
            print(f"  {label:3} {name:16} {share:6.2f} % of the pixels, in {having[label]} images")
    for suspicion in suspicions(found, facts):
        print(f"  suspicious: {suspicion}")


def parted(train: Inspection, val: Inspection) -> list[str]:
    """A fault for each image that is learnt and scored; if all are, as in a trial of a few, that is but suspicious."""
    both = leaks(train, val)
    if both and len(both) == val.images:
        print("  suspicious: all images that are scored are learnt, too")
        return []
    return [f"{a} in train and {b} in val are one image; what is learnt cannot be scored" for a, b in both]


def convert(name: str, table: str) -> None:
    """Bring the label maps of an adopted data set from colours to class indices."""
    adopted = registry.read(name)
    classes = adopted.class_names
    known = colour_table.voc_table(len(classes)) if table == "voc" else colour_table.read_table(Path(table), classes)
    given = folder_layout.pictures(Path(adopted.given_labels), folder_layout.LABEL_MAPS)
    colour_table.convert(given, known, adopted.converted_labels)
    print(f"{len(given)} label maps in {adopted.converted_labels}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--split", choices=("train", "val"), help="one of the two splits; both by default")
    parser.add_argument("--convert", metavar="TABLE", help='of colours: "voc", or a CSV of the columns name, r, g, b')
    options = parser.parse_args()
    if options.convert and options.dataset not in [adopted.name for adopted in registry.adoptions()]:
        parser.error(f"--convert is for adopted data sets, not for {options.dataset}")
    sys.exit(program.run(main, options))
