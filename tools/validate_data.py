"""Read every image and label map of a data set, and report errors and statistics.

    python -m tools.validate_data voc
    python -m tools.validate_data voc --split val
    python -m tools.validate_data cells --convert voc            a user data set with labels in VOC's colours
    python -m tools.validate_data cells --convert colours.csv    or in others: a CSV with the columns name, r, g, b
    python -m tools.validate_data cells --draft colours.csv      write that CSV, without the names, from all label maps

Label maps of other forms are converted first, if they or the classes have changed. Errors are missing and damaged
files, label maps of another size than their image, labels of no class, colours, and images in both splits. Suspicious
is valid data on which training probably fails.

Reads    the data set
Writes   of user data sets with other forms build/adopted/<dataset>/labels/, label maps of class indices, which replace
         the given ones; with --draft a CSV, and nothing is checked
Exit     0 valid · 2 bad arguments · 3 invalid; one line per error
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from fcn_repro.datasets import DATASETS, DataSet, register
from fcn_repro.datasets.file_readers import UnknownLabels
from fcn_repro.datasets.orientation import read_orientation
from fcn_repro.datasets.user import colour_table, converted_labels, folder_layout, registry
from fcn_repro.datasets.user.label_forms import list_colours
from fcn_repro.datasets.user.registry import UserDataset
from fcn_repro.datasets.user.user_dataset import describe_zero, write_note
from fcn_repro.datasets.validate_data import (
    SplitReport,
    describe_unknown,
    find_shared_images,
    find_suspicions,
    validate_split,
)
from fcn_repro.errors import DataError
from fcn_repro.system.output_paths import check_outputs
from tools import program

SHOWN = 20  # errors; the others are counted


def main(options: argparse.Namespace) -> None:
    register()
    if options.draft:
        draft(registry.read_user_dataset(options.dataset), options.draft)
        return
    if registry.is_registered(options.dataset):
        convert(registry.read_user_dataset(options.dataset), options)
    facts = DATASETS[options.dataset]
    splits = [options.split] if options.split else ["train", "val"]
    reports = {split: validate_split(facts.train if split == "train" else facts.val) for split in splits}
    for split, report in reports.items():
        print_report(split, report, facts)
    print_remarks(options.dataset)
    errors = [error for report in reports.values() for error in report.errors]
    if len(reports) == 2:
        errors += check_disjoint(*reports.values())
    if errors:
        more = [f"... and {len(errors) - SHOWN} more"] if len(errors) > SHOWN else []
        raise DataError("\n".join([*errors[:SHOWN], *more, facts.remedy]))


def print_report(split: str, report: SplitReport, facts: DataSet) -> None:
    """Print the statistics and suspicions of a split."""
    print(f"{split}: {report.images} images, {len(report.errors)} invalid")
    weights = registry.read_user_dataset(facts.name).class_weights if registry.is_registered(facts.name) else ()
    for i, (pixels, images_with) in enumerate(zip(report.pixels, report.images_with)):
        names = facts.class_names if i == 0 else ()  # further label maps have other classes
        for label in pixels.nonzero()[0]:
            name = "void" if label == facts.void else names[label] if label < len(names) else ""
            share = 100 * pixels[label] / pixels.sum()
            weight = f", weight {weights[label]:.3g}" if i == 0 and label < len(weights) else ""
            print(f"  {label:3} {name:16} {share:6.2f} % of the pixels, in {images_with[label]} images{weight}")
    for suspicion in find_suspicions(report, facts):
        print(f"  suspicious: {suspicion}")


def check_disjoint(train: SplitReport, val: SplitReport) -> list[str]:
    """Return an error for each image in both splits; only a suspicion if all are, as in a trial with a few images."""
    shared = find_shared_images(train, val)
    if shared and len(shared) == val.images:
        print("  suspicious: all images of val are in train, too")
        return []
    return [f"{a} in train and {b} in val are the same image; expected disjoint splits" for a, b in shared]


def print_remarks(dataset: str) -> None:
    """Print what is right about a user data set, but may not be meant."""
    if not registry.is_registered(dataset):
        return
    note = registry.read_user_dataset(dataset)
    images = folder_layout.list_images(converted_labels.find_layout_of(note))
    rotated = [path for path in images.values() if read_orientation(path) != 1]
    if rotated:
        print(
            f"  suspicious: {len(rotated)} images, such as {rotated[0].name}, are rotated as their EXIF says; are "
            "their label maps of the upright images?"
        )
    advice = describe_zero(note)
    if advice:
        print(f"  suspicious: {advice}")


def convert(note: UserDataset, options: argparse.Namespace) -> None:
    """Convert the label maps of a user data set, if they are not class indices already, or have changed."""
    form = note.form
    if options.convert:
        colours = list_colours(options.convert, note.class_names)
        form = replace(form, colours=colours, tolerance=options.tolerance or form.tolerance)
    elif options.tolerance:
        form = replace(form, tolerance=options.tolerance)
    note = replace(note, form=form)
    try:
        found = converted_labels.renew(note)
    except UnknownLabels as error:
        advice = describe_unknown(error.values, error.present, len(note.class_names))
        raise DataError(f"{error}\nsuspicious: {advice}") from error
    except DataError as error:
        draft = f"python -m tools.validate_data {note.name} --draft colours.csv"
        advice = f"\nTo list the colours of all label maps, run: {draft}" if form.colours else ""
        raise DataError(f"{error}{advice}") from error
    write_note(note)
    if found:
        print(f"wrote {found.label_maps} label maps to {note.converted_labels}")
    if found and found.changed:
        share = found.changed / found.pixels
        print(f"  {found.changed} pixels ({share:.2%}) took the nearest label, up to {found.largest} levels away")


def draft(note: UserDataset, out: Path) -> None:
    """Write the colours of all label maps for the user to name."""
    labels = folder_layout.list_labels(converted_labels.find_layout_of(note), note.form)
    check_outputs([(out, path) for path in list(labels.values())[:1]], labels.values(), "another file for --draft")
    count = colour_table.draft_table(out, labels.values(), len(labels))
    convert = f"python -m tools.validate_data {note.name} --convert {out}"
    print(f"wrote {count} colours of {len(labels)} label maps to {out}; name each ? (a class or void), then: {convert}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--split", choices=("train", "val"), help="one of the two splits; default: both")
    parser.add_argument("--convert", metavar="TABLE", help='of colours: "voc", or a CSV with columns name, r, g, b')
    program.add_tolerance(parser)
    parser.add_argument("--draft", type=Path, metavar="CSV", help="write a table of all colours, to be named")
    options = parser.parse_args()
    if (options.draft or options.tolerance) and not registry.is_registered(options.dataset):
        parser.error(f"--draft, --tolerance: got {options.dataset}; expected a user data set")
    if options.convert and not registry.is_registered(options.dataset):
        parser.error(f"--convert: got {options.dataset}; expected a user data set")
    sys.exit(program.run(main, options))
