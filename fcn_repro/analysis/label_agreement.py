"""Count how many labels two folders of label maps share: of two precisions, two engines, two nets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

import numpy as np

from fcn_repro.datasets.file_readers import check_size, check_values, read_indexed
from fcn_repro.datasets.user.folder_layout import list_files
from fcn_repro.errors import DataError
from fcn_repro.evaluation.metrics import histogram, pixel_accuracy
from fcn_repro.inference.label_images import LEGEND, OVERLAY
from fcn_repro.system.progress import Progress

LABELS = 256  # of a byte, void among them


@dataclass(frozen=True)
class LabelAgreement:
    """The comparison of two folders.

    hist     (256, 256) pixels by label in the first and in the second folder
    equal    fraction of equal labels, 0 to 1, of every label map in both
    only_in  label maps in one folder alone, in the first and in the second
    """

    hist: np.ndarray
    equal: Mapping[str, float]
    only_in: tuple[int, int]

    @property
    def fraction(self) -> float:
        """The fraction of equal labels over all label maps, 0 to 1."""
        return pixel_accuracy(self.hist)

    @property
    def worst(self) -> str:
        """The label map with the fewest equal labels."""
        return min(sorted(self.equal), key=lambda item: self.equal[item])

    def list_confusions(self, count: int) -> list[tuple[int, int, int]]:
        """The most frequent differences: label in the first folder, label in the second, and pixels."""
        different = self.hist.copy()
        np.fill_diagonal(different, 0)
        pairs = [divmod(int(pair), LABELS) for pair in np.argsort(-different, axis=None, kind="stable")[:count]]
        return [(*pair, int(different[pair])) for pair in pairs if different[pair]]


def compare_folders(first: Path, second: Path) -> LabelAgreement:
    """Compare the label maps of the same name in two folders.

    Raises   DataError for a missing or damaged file, for different sizes, and where no name is in both
    """
    mine, theirs = (list_label_maps(folder) for folder in (first, second))
    common = sorted(mine.keys() & theirs.keys())
    if not common:
        raise DataError(f"{first} and {second}: no label map, NAME.png, is in both")
    hist = np.zeros((LABELS, LABELS), np.int64)
    equal: dict[str, float] = {}
    with Progress(len(common), "compare") as bar:
        for item in common:
            one, other = read_indexed(mine[item]), read_indexed(theirs[item])
            check_size(other.shape, theirs[item], one.shape, mine[item])
            for label_hw, path in ((one, mine[item]), (other, theirs[item])):
                check_values(label_hw, path, range(LABELS))
            counts = histogram(one, other, LABELS)
            equal[item] = pixel_accuracy(counts)
            hist += counts
            bar.advance()
    return LabelAgreement(hist, equal, (len(mine.keys() - theirs.keys()), len(theirs.keys() - mine.keys())))


def list_label_maps(folder: Path) -> Mapping[str, Path]:
    """The label maps in a folder, by name, without overlays and legends."""
    if not folder.is_dir():
        raise DataError(f"{folder}: missing; expected a folder of label maps. Fix: tools.infer --out {folder}")
    found = list_files(folder, (".png",))
    overlays = {item + OVERLAY for item in found}
    return {item: path for item, path in found.items() if item not in overlays and path.name != LEGEND}
