"""A small data set that any machine can make: animals on grass, in the directories and file formats of VOC and SBD.

Two sets share its pictures. `mini` is for segmentation. `mini-objects` is for the classifier that the first stage
starts from: small windows, each named by what is in its middle, as ILSVRC's pictures are.

Directory   build/data/mini
    sbdd/           train.txt, img/ID.jpg, cls/ID.mat, and windows.txt: image, label, x and y of a window's middle
    VOC2011/        ImageSets/Segmentation/val.txt, JPEGImages/ID.jpg, SegmentationClass/ID.png, windows.txt
Splits      No bitmap that val shows is in train. As in SBD, train has no void; as in VOC, val's contours are void.
Differs     Its images are made, and its scores say nothing about PASCAL VOC.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

import numpy as np
import scipy.io
from PIL import Image

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.base import DataLayer, DataSet, SegDataLayer, to_blob
from fcn_repro.datasets.mini import scenes
from fcn_repro.datasets.mini.scenes import Scene
from fcn_repro.datasets.mini.silhouettes import silhouettes, split
from fcn_repro.datasets.sampling_order import SamplingOrder
from fcn_repro.datasets.voc import MEAN_BGR, sbd_files, voc_files
from fcn_repro.drawing.palette import label_image
from fcn_repro.system.parallel_map import parallel_map
from fcn_repro.system.progress import Progress

ROOT = Path("build/data/mini")
SBD, VOC = ROOT / "sbdd", ROOT / "VOC2011"
FOLDERS = {"train": SBD, "val": VOC}
KINDS = tuple(scenes.COATS_RGB)
SCENES = {"train": 3000, "val": 200}
WINDOWS = {"train": 9000, "val": 600}  # a scene has one to five; those beyond these numbers are not listed
SEEDS = {"train": 0, "val": 1_000_000}  # a scene's seed is this and its number
VOID = 255
LIST = "windows.txt"
QUALITY = 95  # of JPEG
WINDOW = 96  # the side of a window in pixels: 3 x 3 cells of pool5
JITTER = 8  # a training window may lie so many pixels off


def _objects(split: str, folder: Path, batch_size: int) -> DataLayer:
    params = {"folder": str(folder), "split": split, "mean": MEAN_BGR, "batch_size": batch_size, "seed": 1337}
    return DataLayer("mini_layers", "WindowDataLayer", params)


MINI = DataSet(
    name="mini",
    class_names=("background", *KINDS),
    mean_bgr=MEAN_BGR,
    void=VOID,
    splits=SCENES,
    train=DataLayer(
        "voc_layers", "SBDDSegDataLayer", {"sbdd_dir": str(SBD), "split": "train", "mean": MEAN_BGR, "seed": 1337}
    ),
    val=DataLayer(
        "voc_layers", "VOCSegDataLayer", {"voc_dir": str(VOC), "split": "val", "mean": MEAN_BGR, "seed": 1337}
    ),
    archives=("animal-mnist",),
)
OBJECTS = DataSet(
    name="mini-objects",
    class_names=MINI.class_names,
    mean_bgr=MEAN_BGR,
    void=None,
    splits=WINDOWS,
    train=_objects("train", SBD, 16),
    val=_objects("val", VOC, 1),
    archives=MINI.archives,
)


class Window(NamedTuple):
    """A line of the list, by its number, and how many pixels its window lies off to the right and down."""

    number: int
    right: int
    down: int
    mirrored: bool


class WindowDataLayer(SegDataLayer):
    """Windows of scenes, a batch per forward, each with the label of what is in its middle.

    Tops        data (N, 3, 96, 96): B G R, 0-255 minus mean, 0 beyond the scene's border · label (N): class 0-6
    param_str   folder, split, mean, batch_size; optionally randomize, seed. Windows that are drawn at random are also
                moved by up to 8 pixels either way, and every other one is mirrored.
    """

    facts = OBJECTS
    required = ("folder", "split", "mean", "batch_size")
    optional = {"randomize": True, "seed": None}

    def list_file(self) -> Path:
        """windows.txt."""
        return Path(self.options["folder"], LIST)

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Read param_str and the list; scenes are kept once they are read."""
        super().setup(bottom, top)
        self.scenes: dict[str, np.ndarray] = {}

    def pick(self, order: Order) -> Sequence[Window]:
        """A batch of windows."""
        return tuple(self._window(order) for _ in range(self.options["batch_size"]))

    def read(self, pick: Sequence[Window]) -> Sequence[np.ndarray]:
        """The batch that was picked."""
        windows = [self.load_window(window) for window in pick]
        return [np.stack(arrays) for arrays in zip(*windows)]

    @property
    def index(self) -> int:
        """The number of the first window that the next forward serves."""
        return self._picks[0][0].number

    def load_window(self, window: Window) -> Sequence[np.ndarray]:
        """A window (3, 96, 96) and its label, as a line of the list tells, moved and mirrored as drawn."""
        image, label, x, y = self.items[window.number].split()
        if image not in self.scenes:
            path = Path(self.options["folder"], image)
            self.scenes[image] = to_blob(file_readers.read_rgb(path), self.options["mean"])
        data = cut(self.scenes[image], int(x) + window.right, int(y) + window.down)
        return data[..., ::-1] if window.mirrored else data, np.array(label, np.float32)

    def _window(self, order: Order) -> Window:
        right, down = (_uniform(order, 2 * JITTER + 1, JITTER) for _ in range(2))
        mirrored = bool(_uniform(order, 2))
        return Window(order.step(), right, down, mirrored)


def _uniform(order: Order, n: int, less: int = 0) -> int:
    """A whole number from -less to n - 1 - less; 0 where nothing is random."""
    return int(n * order.random.random()) - less if order.randomize else 0


def cut(blob: np.ndarray, x: int, y: int) -> np.ndarray:
    """The window of 96 x 96 pixels around a pixel of a (C, H, W) blob; what lies outside it is 0."""
    half = WINDOW // 2
    around = np.pad(blob, ((0, 0), (half, half), (half, half)), "constant")
    return around[:, y : y + WINDOW, x : x + WINDOW]


def prepare() -> Mapping[str, int]:
    """Compose the data set, unless all of it is there; images per split.

    Raises   DataError when the package with the silhouettes cannot be had
    """
    if not all(path.is_file() for split, folder in FOLDERS.items() for path in _files(split, folder)):
        splits = [split(bitmaps) for kind, bitmaps in silhouettes().items() if kind in KINDS]
        part = ROOT.with_suffix(".part")
        for folder in part, ROOT:
            shutil.rmtree(str(folder), ignore_errors=True)
        with Progress(sum(SCENES.values()), "compose mini", "scenes") as progress:
            _write("train", [each.train for each in splits], part / SBD.relative_to(ROOT), progress)
            _write("val", [each.held_out for each in splits], part / VOC.relative_to(ROOT), progress)
        part.rename(ROOT)  # a folder of this name was written to its end
    return SCENES


def _item(split: str, number: int) -> str:
    return f"{split}_{number:04}"


def _files(split: str, folder: Path) -> Iterator[Path]:
    """Every file of a split."""
    files, list_file, _ = LAYOUTS[split]
    yield from (folder / list_file, folder / LIST)
    for number in range(SCENES[split]):
        yield from files(folder, _item(split, number))


def _write(split: str, bitmaps: Sequence[np.ndarray], folder: Path, progress: Progress) -> None:
    """Write a split's scenes, and its lists of scenes and of windows."""
    _, list_file, _ = LAYOUTS[split]
    items = [_item(split, number) for number in range(SCENES[split])]
    windows: list[str] = []
    for of_scene in parallel_map(partial(_write_scene, split, bitmaps, folder), SCENES[split]):
        windows += of_scene
        progress.advance()
    for path, lines in (folder / list_file, items), (folder / LIST, windows[: WINDOWS[split]]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _write_scene(split: str, bitmaps: Sequence[np.ndarray], folder: Path, number: int) -> list[str]:
    """Write one scene; its lines of the list of windows."""
    files, _, write_label = LAYOUTS[split]
    scene = scenes.compose(np.random.RandomState(SEEDS[split] + number), KINDS, bitmaps)
    image_path, label_path = files(folder, _item(split, number))
    for path in image_path, label_path:
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene.image_rgb).save(str(image_path), quality=QUALITY)
    write_label(label_path, scene)
    return [f"{image_path.relative_to(folder)} {w.label} {w.x} {w.y}" for w in scene.windows]


def _write_mat(path: Path, scene: Scene) -> None:
    """A label map as SBD has it: every pixel has a class."""
    scipy.io.savemat(str(path), {"GTcls": {"Segmentation": scene.label_hw}}, do_compression=True)


def _write_png(path: Path, scene: Scene) -> None:
    """A label map as VOC has it: contours are void."""
    void = scenes.contours(scene.instance_hw)
    label_image(np.where(void, VOID, scene.label_hw)).save(str(path))


LAYOUTS = {
    "train": (sbd_files, "train.txt", _write_mat),
    "val": (voc_files, "ImageSets/Segmentation/val.txt", _write_png),
}
