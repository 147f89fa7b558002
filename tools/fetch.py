"""Fetch archives and weights to data/downloads/ and verify them; existing files are verified and kept.

    python -m tools.fetch                    list all files
    python -m tools.fetch voc                the archives of a data set
    python -m tools.fetch vgg16 voc-fcn8s    weights

Resumes interrupted downloads. MIRROR=FOLDER or MIRROR=ADDRESS replaces the files' own hosts.

Reads    data/archives.csv, data/weights.csv, data/packages.csv
Writes   data/downloads/
Exit     0 complete · 2 bad arguments · 3 a file is unavailable or wrong
"""

from __future__ import annotations

import argparse
import sys
from typing import Sequence

from fcn_repro.datasets import DATASETS
from fcn_repro.datasets.download.fetch import fetch, read_sources
from fcn_repro.errors import DataError
from tools import program


def list_archives() -> dict[str, Sequence[str]]:
    return {facts.name: facts.archives for facts in DATASETS.values()}


def check_name(name: str) -> str:
    try:
        names = [*list_archives(), *read_sources()]
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if name not in names:
        raise argparse.ArgumentTypeError(f"got the unknown name {name!r}; expected one of: {', '.join(names)}")
    return name


def main(options: argparse.Namespace) -> None:
    for name in options.names:
        for source in list_archives().get(name, [name]):
            print(fetch(source))
    if not options.names:
        for row in read_sources().values():
            print(f"{row.name:22} {row.file:45} {row.licence:20} {row.note}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", type=check_name, help="data sets, or rows of data/*.csv; none: list them")
    sys.exit(program.run(main, parser.parse_args()))
