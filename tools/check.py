"""Read every image and label map of a data set, and say what is wrong with them and what they hold.

    python -m tools.check voc
    python -m tools.check voc --split val

Reads    data/<dataset>/
Exit     0 all can be read · 2 bad arguments · 3 some cannot, each with its reason
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro.datasets import DATASETS, register
from fcn_repro.datasets.inspection import inspect
from fcn_repro.errors import DataError
from tools import program


def main(options: argparse.Namespace) -> None:
    register()
    facts = DATASETS[options.dataset]
    faults: list[str] = []
    for split in [options.split] if options.split else ["train", "val"]:
        found = inspect(facts.train if split == "train" else facts.val)
        print(f"{split}: {found.images} images, {len(found.faults)} of them faulty")
        for i, pixels in enumerate(found.pixels):
            names = facts.class_names if i == 0 else ()  # a second label map has classes of its own
            for label in pixels.nonzero()[0]:
                name = "void" if label == facts.void else names[label] if label < len(names) else ""
                print(f"  {label:3} {name:16} {100 * pixels[label] / pixels.sum():6.2f} % of the pixels")
        faults += found.faults
    if faults:
        raise DataError("\n".join([*faults, facts.remedy]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--split", choices=("train", "val"), help="one of the two splits; both by default")
    sys.exit(program.run(main, parser.parse_args()))
