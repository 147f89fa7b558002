"""Prepare a data set for training and scoring: fetch and unpack missing files, derive splits, verify counts.

    python -m tools.prepare voc

Takes seconds if complete. Resumes after interruptions, and restores removed files.

Reads    data/downloads/, or the archives' hosts, or MIRROR
Writes   data/<dataset>/, as data/<dataset>/README.md documents
Exit     0 ready · 2 bad arguments · 3 a file is unavailable or wrong
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro.datasets import PREPARE
from tools import program


def main(options: argparse.Namespace) -> None:
    splits = PREPARE[options.dataset]()
    images = ", ".join(f"{count} images in {split}" for split, count in splits.items())
    print(f"{options.dataset} is ready: {images}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=PREPARE)
    sys.exit(program.run(main, parser.parse_args()))
