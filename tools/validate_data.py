"""Read every image and label map of a data set, and report errors and statistics.

    python -m tools.validate_data voc
    python -m tools.validate_data voc --split val
    python -m tools.validate_data cells --convert voc            a user data set with labels in VOC's colours
    python -m tools.validate_data cells --convert colours.csv    or in others: a CSV with the columns name, r, g, b

Errors are missing and damaged files, label maps of another size than their image, labels of no class, colours, and
images in both splits. Suspicious is valid data on which training probably fails.

Reads    the data set
Writes   with --convert build/adopted/<dataset>/labels/, label maps of class indices, which replace the given ones
Exit     0 valid · 2 bad arguments · 3 invalid; one line per error
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.datasets import DATASETS, DataSet, register
from fcn_repro.datasets.user import colour_table, folder_layout, registry
from fcn_repro.datasets.validate_data import SplitReport, find_shared_images, find_suspicions, validate_split
from fcn_repro.errors import DataError
from tools import program

SHOWN = 20  # errors; the others are counted


def main(options: argparse.Namespace) -> None:
    register()
    facts = DATASETS[options.dataset]
    if options.convert:
        convert(options.dataset, options.convert)
    splits = [options.split] if options.split else ["train", "val"]
    reports = {split: validate_split(facts.train if split == "train" else facts.val) for split in splits}
    for split, report in reports.items():
        print_report(split, report, facts)
    errors = [error for report in reports.values() for error in report.errors]
    if len(reports) == 2:
        errors += check_disjoint(*reports.values())
    if errors:
        more = [f"... and {len(errors) - SHOWN} more"] if len(errors) > SHOWN else []
        raise DataError("\n".join([*errors[:SHOWN], *more, facts.remedy]))


def print_report(split: str, report: SplitReport, facts: DataSet) -> None:
    """Print the statistics and suspicions of a split."""
    print(f"{split}: {report.images} images, {len(report.errors)} invalid")
    for i, (pixels, images_with) in enumerate(zip(report.pixels, report.images_with)):
        names = facts.class_names if i == 0 else ()  # further label maps have other classes
        for label in pixels.nonzero()[0]:
            name = "void" if label == facts.void else names[label] if label < len(names) else ""
            share = 100 * pixels[label] / pixels.sum()
            print(f"  {label:3} {name:16} {share:6.2f} % of the pixels, in {images_with[label]} images")
    for suspicion in find_suspicions(report, facts):
        print(f"  suspicious: {suspicion}")


def check_disjoint(train: SplitReport, val: SplitReport) -> list[str]:
    """Return an error for each image in both splits; only a suspicion if all are, as in a trial with a few images."""
    shared = find_shared_images(train, val)
    if shared and len(shared) == val.images:
        print("  suspicious: all images of val are in train, too")
        return []
    return [f"{a} in train and {b} in val are the same image; expected disjoint splits" for a, b in shared]


def convert(name: str, table: str) -> None:
    """Convert the label maps of a user data set from colours to class indices."""
    note = registry.read_user_dataset(name)
    if table == "voc":
        labels = colour_table.make_voc_table(len(note.class_names))
    else:
        labels = colour_table.read_table(Path(table), note.class_names)
    given = folder_layout.list_files(Path(note.given_labels), folder_layout.LABEL_SUFFIXES)
    colour_table.convert(given, labels, note.converted_labels)
    print(f"wrote {len(given)} label maps to {note.converted_labels}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--split", choices=("train", "val"), help="one of the two splits; default: both")
    parser.add_argument("--convert", metavar="TABLE", help='of colours: "voc", or a CSV with columns name, r, g, b')
    options = parser.parse_args()
    if options.convert and not registry.is_registered(options.dataset):
        parser.error(f"--convert: got {options.dataset}; expected a user data set")
    sys.exit(program.run(main, options))
