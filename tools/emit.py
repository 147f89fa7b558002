"""Write the prototxts of experiments, and of the classifiers that they start from.

    python -m tools.emit voc-fcn8s vgg16
    python -m tools.emit --all

Files that are already right stay untouched, so nothing built from them becomes out of date.

Writes   build/<experiment>/{train,val,deploy,solver}.prototxt and deploy.json (classes and mean);
         build/ilsvrc/<net>/{train,val,deploy}.prototxt
Exit     0 written · 2 bad arguments
"""

from __future__ import annotations

import argparse
import sys

from solvers.emit import emit, list_names
from tools import program


def main(options: argparse.Namespace) -> None:
    for name in options.names:
        emit(name)


if __name__ == "__main__":
    known = list_names()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--all", action="store_true", help="write all of them")
    options = parser.parse_args()
    if bool(options.names) == options.all:
        parser.error("give either names or --all")
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"unknown name {unknown[0]!r}; expected one of: {', '.join(known)}")
    options.names = options.names or known
    sys.exit(program.run(main, options))
