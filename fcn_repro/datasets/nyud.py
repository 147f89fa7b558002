"""NYUDv2, 40 classes: colour, depth and HHA of indoor scenes, trained on trainval, scored on test.

Directory
    data/nyud   trainval.txt, test.txt, data/{images,depth,hha}/img_ID.png, segmentation/img_ID.mat
Prepared    from the reference's nyud.tar.gz; or from nyu_depth_v2_labeled.mat, if data/downloads holds it: then
            nyud_labeled.py and hha.py encode depth.
Order       The reference trains on trainval, which it does not ship: its train, then its val, in the order of those
            lists. The order decides which image each random draw takes.
Missing     A depth of zero, a pixel without a measurement, is an error: its logarithm makes the loss NaN. Use the depth
            that the data set's authors filled in. tools.hha encodes missing HHA from depth.
Keeps       The colour mean looks like R G B, yet it is subtracted from B G R, as in the training of the released
            weights. `mean` in param_str replaces it.
Source      reference 1305c73 nyud_layers.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, nyud_labeled, preparation
from fcn_repro.datasets.data_layer import SegDataLayer
from fcn_repro.datasets.data_set import VOID, DataSet, LayerSpec
from fcn_repro.datasets.download.fetch import fetch, read_catalogue
from fcn_repro.datasets.preprocessing import to_blob, to_zero_based
from fcn_repro.errors import DataError

CLASS_NAMES = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture"),
    *("counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes"),
    *("ceiling", "books", "refridgerator", "television", "paper", "towel", "shower curtain", "box", "whiteboard"),
    *("person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag", "otherstructure", "otherfurniture"),
    "otherprop",
)
MEAN_COLOR = (116.190, 97.203, 92.318)
MEAN_HHA = (132.431, 94.076, 118.477)  # disparity, height, angle: the file's order
MEAN_LOG_DEPTH = 7.844  # about 2.55 m, in log millimetres
CHANNELS = {"color": 3, "depth": 1, "hha": 3}
TOPS = (*CHANNELS, "label")

NYUD_DIR = Path("data/nyud")
LISTED = {"train": 381, "val": 414, "test": 654}  # images in the reference's lists


def make_facts(*inputs: str) -> DataSet:
    """The facts of NYUDv2 for a net with inputs among color, depth and hha."""

    def layer(split: str) -> LayerSpec:
        params = {"nyud_dir": str(NYUD_DIR), "split": split, "tops": [*inputs, "label"], "seed": 1337}
        return LayerSpec("nyud_layers", "NYUDSegDataLayer", params)

    return DataSet(
        name="nyud",
        class_names=CLASS_NAMES,
        mean_bgr=MEAN_COLOR,
        void=VOID,
        splits={"trainval": 795, "test": 654},
        train=layer("trainval"),
        val=layer("test"),
        archives=("nyudv2", *(f"nyudv2-{split}" for split in LISTED)),
        inputs={name: CHANNELS[name] for name in inputs} if len(inputs) > 1 else {"data": CHANNELS[inputs[0]]},
    )


NYUD = make_facts("color")


class NYUDSegDataLayer(SegDataLayer):
    """NYUDv2: any of four tops, in the requested order.

    Tops        color (1, 3, H, W): B G R, 0-255 minus mean · hha (1, 3, H, W): disparity, height, angle minus mean
                depth (1, 1, H, W): natural logarithm of millimetres minus mean · label (1, 1, H, W): 0-39, 255 void
    param_str   nyud_dir, split, tops; optionally randomize, seed, mean (of color)
    """

    facts = NYUD
    required = ("nyud_dir", "split", "tops")
    list_pattern = "{nyud_dir}/{split}.txt"
    optional = {**SegDataLayer.optional, "mean": MEAN_COLOR}

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Read the names of the tops from param_str, then set up as usual."""
        self.top_names = tuple(self._parse(self.param_str)["tops"])
        unknown = sorted(set(self.top_names) - set(TOPS))
        if unknown:
            raise ValueError(f"{type(self).__name__}: got the top {unknown[0]!r}; expected some of {', '.join(TOPS)}")
        super().setup(bottom, top)

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Load img_ITEM of data/images, data/depth, data/hha and segmentation, as requested."""
        files = nyud_files(Path(self.options["nyud_dir"]), item)
        readers = {"color": self._color, "depth": _depth, "hha": _hha, "label": _label}
        arrays = [readers[top](files[top]) for top in self.top_names]
        for top, array in zip(self.top_names, arrays):
            file_readers.check_size(array.shape[1:], files[top], arrays[0].shape[1:], files[self.top_names[0]])
        return arrays

    def _color(self, path: Path) -> np.ndarray:
        return to_blob(file_readers.read_rgb(path), np.array(self.options["mean"], np.float32))


def _hha(path: Path) -> np.ndarray:
    if not path.exists():
        remedy = f"python -m tools.hha {path.parents[1]}/depth/*.png --out {path.parent}"
        raise DataError(f"{path}: missing; expected an image. Fix: encode it with {remedy}")
    image = file_readers.read_rgb(path)[:, :, ::-1]  # `to_blob` reverses the channels again, into the file's order
    return to_blob(image, np.array(MEAN_HHA, np.float32))


def _depth(path: Path) -> np.ndarray:
    depth_mm = file_readers.read_depth(path)
    holes = np.count_nonzero(depth_mm == 0)
    if holes:
        raise DataError(f"{path}: got {holes} pixels of depth 0 (no measurement); expected depth with filled holes")
    return (np.log(depth_mm.astype(np.float32)) - np.float32(MEAN_LOG_DEPTH))[np.newaxis]


def _label(path: Path) -> np.ndarray:
    label_hw = file_readers.read_mat(path, "segmentation")
    file_readers.check_values(label_hw, path, range(len(CLASS_NAMES) + 1))
    return to_zero_based(label_hw)[np.newaxis]


def nyud_files(nyud_dir: Path, item: str) -> Mapping[str, Path]:
    """An id's file for each top."""
    name = f"img_{item}"
    return {
        "color": nyud_dir / "data" / "images" / f"{name}.png",
        "depth": nyud_dir / "data" / "depth" / f"{name}.png",
        "hha": nyud_dir / "data" / "hha" / f"{name}.png",
        "label": nyud_dir / "segmentation" / f"{name}.mat",
    }


def prepare(listed: Mapping[str, int] = LISTED) -> Mapping[str, int]:
    """Write data/nyud, from the authors' files if data/downloads holds them, else from the reference's archive.

    Returns   images per split
    Raises    DataError when a file is unavailable, or a list has an unexpected length
    """
    counts = {"trainval": listed["train"] + listed["val"], "test": listed["test"]}
    lists = {split: NYUD_DIR / f"{split}.txt" for split in (*listed, "trainval")}
    if read_catalogue()["nyudv2-labeled"].path.is_file():
        _prepare_labeled(lists, counts, listed)
    else:
        _prepare_packed(lists, counts, listed)
    return counts


def _prepare_labeled(lists: Mapping[str, Path], counts: Mapping[str, int], listed: Mapping[str, int]) -> None:
    """Convert the authors' files, after a check that both have the same splits."""
    items = _prepare_lists(lists, counts, listed)
    path = fetch("nyudv2-splits")
    authors = nyud_labeled.read_splits(path)
    for split, theirs in (("trainval", authors["train"]), ("test", authors["test"])):
        other = sorted(set(theirs) ^ set(items[split]))
        if other:
            raise DataError(f"{path}: got another {split} than {lists[split]}: {other[0]} is in one of them alone")
    files = {item: nyud_files(NYUD_DIR, item) for split in items.values() for item in split}
    nyud_labeled.write_items(fetch("nyudv2-labeled"), fetch("nyudv2-labels40"), files)


def _prepare_packed(lists: Mapping[str, Path], counts: Mapping[str, int], listed: Mapping[str, int]) -> None:
    """Unpack the reference's archive."""
    _prepare_lists(lists, counts, listed)
    parts = {"*/data/": NYUD_DIR / "data", "*/segmentation/": NYUD_DIR / "segmentation"}
    for split in counts:
        preparation.unpack_split("nyudv2", parts, lists[split], lambda item: nyud_files(NYUD_DIR, item).values())


def _prepare_lists(
    lists: Mapping[str, Path], counts: Mapping[str, int], listed: Mapping[str, int]
) -> Mapping[str, Sequence[str]]:
    """Fetch the reference's lists, and write trainval: train, then val. Returns the ids of trainval and test."""
    ids = {split: preparation.fetch_list(f"nyudv2-{split}", lists[split], count) for split, count in listed.items()}
    preparation.check_disjoint(NYUD_DIR, ids)
    trainval = [*ids["train"], *ids["val"]]
    preparation.write_list(lists["trainval"], trainval, counts["trainval"])
    return {"trainval": trainval, "test": ids["test"]}
