"""NYUDv2, 40 classes: colour, depth and HHA of indoor scenes, trained on trainval, scored on test.

Directory
    data/nyud   trainval.txt, test.txt, data/{images,depth,hha}/img_ID.png, segmentation/img_ID.mat
Prepared    From the reference's nyud.tar.gz; or, where nyu_depth_v2_labeled.mat lies in data/downloads, from that:
            depth is then encoded here (nyud_labeled.py, hha.py).
Differs     The reference ships train and val but no trainval, on which its nets learn: here it is train, then val, or
            the data set's own list. The reference's order is not known, so neither are its draws.
Missing     A depth of zero, a pixel without a measurement, is refused: its logarithm would make the loss NaN. Depth is
            expected as the data set's authors fill it. HHA that is missing can be encoded from depth: tools.hha.
Keeps       The colour mean looks like R G B, yet it is subtracted from B G R: the released weights were trained that
            way. `mean` in param_str gives another.
Source      reference 1305c73 nyud_layers.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, nyud_labeled, preparation
from fcn_repro.datasets.base import DataLayer, DataSet, SegDataLayer, to_blob
from fcn_repro.datasets.download.fetch import fetch, sources
from fcn_repro.errors import DataError

CLASS_NAMES = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture"),
    *("counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes"),
    *("ceiling", "books", "refridgerator", "television", "paper", "towel", "shower curtain", "box", "whiteboard"),
    *("person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag", "otherstructure", "otherfurniture"),
    "otherprop",
)
MEAN_COLOR = (116.190, 97.203, 92.318)
MEAN_HHA = (132.431, 94.076, 118.477)  # disparity, height, angle: in the file's order, which is not changed
MEAN_LOG_DEPTH = 7.844  # about 2.55 m, in log millimetres
CHANNELS = {"color": 3, "depth": 1, "hha": 3}
TOPS = (*CHANNELS, "label")

NYUD_DIR = Path("data/nyud")
LISTED = {"train": 381, "val": 414, "test": 654}  # images in the lists that the reference ships


def facts(*inputs: str) -> DataSet:
    """The facts of NYUDv2 for a net that sees some of color, depth and hha."""

    def layer(split: str) -> DataLayer:
        params = {"nyud_dir": str(NYUD_DIR), "split": split, "tops": [*inputs, "label"], "seed": 1337}
        return DataLayer("nyud_layers", "NYUDSegDataLayer", params)

    return DataSet(
        name="nyud",
        class_names=CLASS_NAMES,
        mean_bgr=MEAN_COLOR,
        void=255,
        splits={"trainval": 795, "test": 654},
        train=layer("trainval"),
        val=layer("test"),
        archives=("nyudv2", *(f"nyudv2-{split}" for split in LISTED)),
        inputs={name: CHANNELS[name] for name in inputs} if len(inputs) > 1 else {"data": CHANNELS[inputs[0]]},
    )


NYUD = facts("color")


class NYUDSegDataLayer(SegDataLayer):
    """NYUDv2: whichever of four tops are asked for, in that order.

    Tops        color (1, 3, H, W): B G R, 0-255 minus mean · hha (1, 3, H, W): disparity, height, angle minus mean
                depth (1, 1, H, W): natural logarithm of millimetres minus mean · label (1, 1, H, W): 0-39, 255 void
    param_str   nyud_dir, split, tops; optionally randomize, seed, mean (of color)
    """

    facts = NYUD
    required = ("nyud_dir", "split", "tops")
    optional = {**SegDataLayer.optional, "mean": MEAN_COLOR}

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Learn from param_str which tops there are; then as ever."""
        self.top_names = tuple(self._parse(self.param_str)["tops"])
        strange = sorted(set(self.top_names) - set(TOPS))
        if strange:
            raise ValueError(f"{type(self).__name__}: no top {strange[0]!r}; expected some of {', '.join(TOPS)}")
        super().setup(bottom, top)

    def list_file(self) -> Path:
        """SPLIT.txt."""
        return Path(self.options["nyud_dir"], f"{self.options['split']}.txt")

    def load(self, item: str) -> Sequence[np.ndarray]:
        """data/images, data/depth, data/hha and segmentation of img_ITEM, as far as they are tops."""
        files = nyud_files(Path(self.options["nyud_dir"]), item)
        readers = {"color": self._color, "depth": _depth, "hha": _hha, "label": _label}
        arrays = [readers[top](files[top]) for top in self.top_names]
        for top, array in zip(self.top_names, arrays):
            file_readers.check_same_size(array.shape[1:], files[top], arrays[0].shape[1:], files[self.top_names[0]])
        return arrays

    def _color(self, path: Path) -> np.ndarray:
        return to_blob(file_readers.read_rgb(path), np.array(self.options["mean"], np.float32))


def _hha(path: Path) -> np.ndarray:
    if not path.exists():
        raise DataError(
            f"{path}: missing; expected a picture. Encode it: python -m tools.hha {path.parents[1]}/depth/*.png "
            f"--out {path.parent}"
        )
    return to_blob(
        file_readers.read_rgb(path)[:, :, ::-1], np.array(MEAN_HHA, np.float32)
    )  # turned twice: as in the file


def _depth(path: Path) -> np.ndarray:
    depth_mm = file_readers.read_depth(path)
    holes = np.count_nonzero(depth_mm == 0)
    if holes:
        raise DataError(f"{path}: {holes} pixels of depth 0, no measurement; expected depth with its holes filled")
    return (np.log(depth_mm.astype(np.float32)) - np.float32(MEAN_LOG_DEPTH))[np.newaxis]


def _label(path: Path) -> np.ndarray:
    label_hw = file_readers.read_mat(path, "segmentation")
    file_readers.check_values(label_hw, path, range(len(CLASS_NAMES) + 1))
    return file_readers.from_one(label_hw)[np.newaxis]


def nyud_files(nyud_dir: Path, item: str) -> Mapping[str, Path]:
    """Where each top's file of an item lies."""
    name = f"img_{item}"
    return {
        "color": nyud_dir / "data" / "images" / f"{name}.png",
        "depth": nyud_dir / "data" / "depth" / f"{name}.png",
        "hha": nyud_dir / "data" / "hha" / f"{name}.png",
        "label": nyud_dir / "segmentation" / f"{name}.mat",
    }


def prepare(listed: Mapping[str, int] = LISTED) -> Mapping[str, int]:
    """Lay out data/nyud: from the data set's own files if they are in data/downloads, else from the reference's.

    Returns   images per split.
    Raises    DataError when a file cannot be had, or a list has another length than known
    """
    counts = {"trainval": listed["train"] + listed["val"], "test": listed["test"]}
    lists = {split: NYUD_DIR / f"{split}.txt" for split in (*listed, "trainval")}
    if sources()["nyudv2-labeled"].path.is_file():
        _prepare_labeled(lists, counts)
    else:
        _prepare_packed(lists, counts, listed)
    return counts


def _prepare_labeled(lists: Mapping[str, Path], counts: Mapping[str, int]) -> None:
    """Encode depth and write every picture; the lists are in the order of the data set's own split."""
    numbered = nyud_labeled.read_splits(fetch("nyudv2-splits"))
    splits = {"trainval": numbered["train"], "test": numbered["test"]}
    for split, items in splits.items():
        preparation.write_list(lists[split], items, counts[split])
    preparation.check_apart(NYUD_DIR, splits)
    files = {item: nyud_files(NYUD_DIR, item) for items in splits.values() for item in items}
    nyud_labeled.write_items(fetch("nyudv2-labeled"), fetch("nyudv2-labels40"), files)


def _prepare_packed(lists: Mapping[str, Path], counts: Mapping[str, int], listed: Mapping[str, int]) -> None:
    """Unpack the reference's archive, and join its train and val."""
    ids = {split: preparation.list_alone(f"nyudv2-{split}", lists[split], count) for split, count in listed.items()}
    preparation.check_apart(NYUD_DIR, ids)
    preparation.write_list(lists["trainval"], [*ids["train"], *ids["val"]], counts["trainval"])
    parts = {"*/data/": NYUD_DIR / "data", "*/segmentation/": NYUD_DIR / "segmentation"}
    for split in counts:
        preparation.unpacked("nyudv2", parts, lists[split], lambda item: nyud_files(NYUD_DIR, item).values())
