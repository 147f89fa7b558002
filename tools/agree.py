"""Count how many labels two folders of label maps have in common: of two precisions, two engines, two nets.

    python -m tools.infer mini-fcn8s street.jpg --out build/f32
    PRECISION=bf16 python -m tools.infer mini-fcn8s street.jpg --out build/bf16
    python -m tools.agree build/f32 build/bf16 --least 99.9

Label maps of one name are compared, as `tools.infer`, `tools.score --pictures` and `tools.submit` write them; overlays
and legends beside them are passed over.

Prints   the share of pixels alike, of all and in the picture with the fewest, and what is most often taken for what
Exit     0 compared · 1 fewer than --least are alike · 2 bad arguments · 3 label maps are missing, or no label maps
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Mapping

import numpy as np

from fcn_repro.datasets.file_readers import check_same_size, read_indexed
from fcn_repro.datasets.user.folder_layout import pictures
from fcn_repro.errors import DataError
from fcn_repro.evaluation.metrics import histogram, pixel_accuracy
from fcn_repro.inference.label_images import LEGEND, OVERLAY
from fcn_repro.system.progress import Progress
from tools import program

LABELS = 256  # of a byte, void among them
MIXED_UP = 5  # pairs of labels that are named


def main(options: argparse.Namespace) -> None:
    first, second = (label_maps(folder) for folder in (options.first, options.second))
    common = sorted(first.keys() & second.keys())
    if not common:
        raise DataError(f"{options.first} and {options.second}: no label map, NAME.png, is in both")
    hist = np.zeros((LABELS, LABELS), np.int64)
    alike: dict[str, float] = {}
    with Progress(len(common), "compare") as bar:
        for item in common:
            one, other = read_indexed(first[item]), read_indexed(second[item])
            check_same_size(other.shape, second[item], one.shape, first[item])
            counted = histogram(one, other, LABELS)
            alike[item] = pixel_accuracy(counted)
            hist += counted
            bar.advance()
    share, worst = 100 * pixel_accuracy(hist), min(common, key=lambda item: alike[item])
    print(f"{share:.3f} % of {hist.sum():,} labels of {len(common)} label maps are alike", end="; ")
    print(f"fewest in {worst}: {100 * alike[worst]:.3f} %")
    np.fill_diagonal(hist, 0)
    for pair in np.argsort(-hist, axis=None, kind="stable")[:MIXED_UP]:
        label, other_label = divmod(int(pair), LABELS)
        if hist[label, other_label]:
            count = hist[label, other_label]
            print(f"{count:10,} are {label} in {options.first} and {other_label} in {options.second}")
    for mine, theirs, folder in (first, second, options.first), (second, first, options.second):
        if mine.keys() - theirs.keys():
            print(f"{len(mine.keys() - theirs.keys())} only in {folder} are left out", file=sys.stderr)
    if share < options.least:
        raise ValueError(f"{share:.3f} % of labels are alike; expected {options.least:g} % or more (--least)")


def label_maps(folder: Path) -> Mapping[str, Path]:
    """The label maps in a folder, by name."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected label maps (python -m tools.infer ... --out {folder})")
    found = pictures(folder, (".png",))
    beside = {item + OVERLAY for item in found}
    return {item: path for item, path in found.items() if item not in beside and path.name != LEGEND}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path, metavar="FOLDER")
    parser.add_argument("second", type=Path, metavar="FOLDER")
    parser.add_argument("--least", type=float, default=0, metavar="PERCENT", help="fail if fewer are alike")
    sys.exit(program.run(main, parser.parse_args()))
