"""Bring archives and weights to data/downloads/, and check them. What is there already is checked and kept.

    python -m tools.fetch                    list what there is to fetch
    python -m tools.fetch voc                the archives of a data set
    python -m tools.fetch vgg16 voc-fcn8s    weights

Interrupted, it goes on where it was. MIRROR=FOLDER or MIRROR=ADDRESS is asked instead of the files' own hosts.

Reads    data/archives.csv, data/weights.csv, data/packages.csv
Writes   data/downloads/
Exit     0 all there · 2 bad arguments · 3 something cannot be had, or is not what it should be
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro.datasets import DATASETS
from fcn_repro.datasets.download.fetch import fetch, sources
from fcn_repro.errors import DataError
from tools import program

ARCHIVES = {facts.name: facts.archives for facts in DATASETS.values()}


def known(name: str) -> str:
    try:
        names = [*ARCHIVES, *sources()]
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if name not in names:
        raise argparse.ArgumentTypeError(f"unknown name {name!r}; expected one of: {', '.join(names)}")
    return name


def main(options: argparse.Namespace) -> None:
    for name in options.names:
        for source in ARCHIVES.get(name, [name]):
            print(fetch(source))
    if not options.names:
        for row in sources().values():
            print(f"{row.name:22} {row.file:45} {row.licence:20} {row.note}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", type=known, help="a data set, or a row of data/*.csv; none: list them")
    sys.exit(program.run(main, parser.parse_args()))
