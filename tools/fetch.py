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

from fcn_repro.datasets import DATASETS
from fcn_repro.fetch import fetch, sources
from tools import program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help="a data set, or a row of data/*.csv; none: list them")
    names = parser.parse_args().names
    known = sources()
    for name in names:
        if name not in known and name not in DATASETS:
            parser.error(f"unknown name {name!r}; expected one of: {', '.join([*DATASETS, *known])}")
    for name in names:
        for source in DATASETS[name].archives if name in DATASETS else [name]:
            print(fetch(source))
    if not names:
        for source in known.values():
            print(f"{source.name:22} {source.file:45} {source.licence:20} {source.note}")


if __name__ == "__main__":
    program.run(main)
