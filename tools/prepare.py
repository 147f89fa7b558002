"""Make a data set ready to train and score on: fetch and unpack what is missing, derive splits, verify counts.

    python -m tools.prepare voc

Done already, it says so within a second; interrupted, it goes on where it was; a file that was removed is put back.

Reads    data/downloads/, or the archives' hosts, or MIRROR
Writes   data/<dataset>/, as data/<dataset>/README.md says
Exit     0 ready · 2 bad arguments · 3 something cannot be had, or is not what it should be
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro.datasets import PREPARE
from fcn_repro.errors import DataError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=PREPARE)
    dataset = parser.parse_args().dataset
    try:
        splits = PREPARE[dataset]()
    except DataError as error:
        print(error, file=sys.stderr)
        return 3
    print(f"{dataset} is ready: " + ", ".join(f"{images} images in {split}" for split, images in splits.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
