"""Count how many labels two folders of label maps share: of two precisions, two engines, two nets.

    python -m tools.infer mini-fcn8s street.jpg --out build/f32
    PRECISION=bf16 python -m tools.infer mini-fcn8s street.jpg --out build/bf16
    python -m tools.compare_labels build/f32 build/bf16 --least 99.9

Compares label maps of the same name, as `tools.infer`, `tools.score --pictures` and `tools.submit` write them, and
skips overlays and legends.

Prints   the percentage of equal labels, over all and in the worst label map, and the most frequent differences
Exit     0 compared · 1 fewer than --least are equal · 2 bad arguments · 3 label maps missing or damaged
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.analysis.label_agreement import compare_folders
from tools import program

CONFUSIONS = 5  # differences that are printed


def main(options: argparse.Namespace) -> None:
    found = compare_folders(options.first, options.second)
    percent, worst = 100 * found.fraction, found.worst
    print(f"{percent:.3f} % of {found.hist.sum():,} labels of {len(found.equal)} label maps are equal", end="; ")
    print(f"fewest in {worst}: {100 * found.equal[worst]:.3f} %")
    for label, other_label, count in found.list_confusions(CONFUSIONS):
        print(f"{count:10,} are {label} in {options.first} and {other_label} in {options.second}")
    for count, folder in zip(found.only_in, (options.first, options.second)):
        if count:
            print(f"skipped {count} that are only in {folder}", file=sys.stderr)
    if percent < options.least:
        raise ValueError(f"got {percent:.3f} % equal labels, expected {options.least:g} % or more (--least)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path, metavar="FOLDER")
    parser.add_argument("second", type=Path, metavar="FOLDER")
    parser.add_argument("--least", type=float, default=0, metavar="PERCENT", help="fail if fewer are equal")
    sys.exit(program.run(main, parser.parse_args()))
