"""The mini data set: composed scenes of animals on grass, in the folders and file formats of VOC and SBD.

It serves as two data sets. `mini` is for segmentation. `mini-objects` trains the classifier of the first stage: small
windows, each labelled with the class at its centre, as in ILSVRC.

Directory   build/data/mini
    sbdd/           train.txt, img/ID.jpg, cls/ID.mat, and windows.txt: image, label, x and y of a window's centre
    VOC2011/        ImageSets/Segmentation/val.txt, JPEGImages/ID.jpg, SegmentationClass/ID.png, windows.txt
Splits      The bitmaps in val do not occur in train. As in SBD, train has no void; as in VOC, val's contours are void.
Differs     The images are synthetic; scores on them do not compare with PASCAL VOC.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np
import scipy.io
from PIL import Image

from fcn_repro.datasets import file_readers, preparation, voc
from fcn_repro.datasets.data_layer import SegDataLayer
from fcn_repro.datasets.data_set import VOID, DataSet, LayerSpec
from fcn_repro.datasets.mini import scenes
from fcn_repro.datasets.mini.scenes import Scene
from fcn_repro.datasets.mini.silhouettes import load_silhouettes, split
from fcn_repro.datasets.preprocessing import to_blob
from fcn_repro.datasets.sampling_order import SamplingOrder
from fcn_repro.datasets.voc import MEAN_BGR
from fcn_repro.drawing.palette import make_label_image
from fcn_repro.system.parallel_map import parallel_map
from fcn_repro.system.progress import Progress

ROOT = Path("build/data/mini")
SBD, VOC = ROOT / "sbdd", ROOT / "VOC2011"
FOLDERS = {"train": SBD, "val": VOC}
KINDS = tuple(scenes.COATS_RGB)
SCENES = {"train": 3000, "val": 200}
WINDOWS = {"train": 9000, "val": 600}  # length of windows.txt; a scene has one to five windows
SEEDS = {"train": 0, "val": 1_000_000}  # a scene's seed is this plus its number
LIST = "windows.txt"
QUALITY = 95  # of JPEG
WINDOW = 96  # side of a window in pixels: 3 x 3 cells of pool5
JITTER = 8  # maximum shift of a training window in pixels


def _make_objects_layer(split: str, folder: Path, batch_size: int) -> LayerSpec:
    params = {"folder": str(folder), "split": split, "mean": MEAN_BGR, "batch_size": batch_size, "seed": 1337}
    return LayerSpec("mini_layers", "WindowDataLayer", params)


MINI = DataSet(
    name="mini",
    class_names=("background", *KINDS),
    mean_bgr=MEAN_BGR,
    void=VOID,
    splits=SCENES,
    train=voc.make_sbd_layer(SBD),
    val=voc.make_voc_layer(VOC, "val"),
    archives=("animal-mnist",),
)
OBJECTS = DataSet(
    name="mini-objects",
    class_names=MINI.class_names,
    mean_bgr=MEAN_BGR,
    void=None,
    splits=WINDOWS,
    train=_make_objects_layer("train", SBD, 16),
    val=_make_objects_layer("val", VOC, 1),
    archives=MINI.archives,
)


class WindowPick(NamedTuple):
    """The number of a window in the list, its shift in pixels to the right and down, and whether it is flipped."""

    number: int
    right: int
    down: int
    mirrored: bool


class WindowDataLayer(SegDataLayer):
    """Windows of scenes, a batch per forward pass, each with the label at its centre.

    Tops        data (N, 3, 96, 96): B G R, 0-255 minus mean, 0 beyond the scene's border · label (N): class 0-6
    param_str   folder, split, mean, batch_size; optionally randomize, seed. Random windows are also shifted by up to 8
                pixels along each axis, and every other one is flipped.
    """

    facts = OBJECTS
    required = ("folder", "split", "mean", "batch_size")
    optional = {"randomize": True, "seed": None}
    list_pattern = "{folder}/" + LIST

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Set up as usual, with an empty cache of scenes."""
        super().setup(bottom, top)
        self.scenes: dict[str, np.ndarray] = {}

    def pick(self, order: SamplingOrder) -> Sequence[WindowPick]:
        """Draw a batch of windows."""
        return tuple(self._pick_window(order) for _ in range(self.options["batch_size"]))

    def read(self, pick: Sequence[WindowPick]) -> Sequence[np.ndarray]:
        """Return the tops of a batch."""
        windows = [self.load_window(window) for window in pick]
        return [np.stack(arrays) for arrays in zip(*windows)]

    @property
    def index(self) -> int:
        """The number of the first window that the next forward pass serves."""
        return self._picks[0][0].number

    def load_window(self, window: WindowPick) -> Sequence[np.ndarray]:
        """Load a window, (3, 96, 96), and its label, shifted and flipped as drawn."""
        image, label, x, y = self.items[window.number].split()
        if image not in self.scenes:
            path = Path(self.options["folder"], image)
            self.scenes[image] = to_blob(file_readers.read_rgb(path), self.options["mean"])
        data = crop(self.scenes[image], int(x) + window.right, int(y) + window.down)
        return data[..., ::-1] if window.mirrored else data, np.array(label, np.float32)

    def _pick_window(self, order: SamplingOrder) -> WindowPick:
        right, down = (_draw(order, 2 * JITTER + 1, JITTER) for _ in range(2))
        mirrored = bool(_draw(order, 2))
        return WindowPick(order.step(), right, down, mirrored)


def _draw(order: SamplingOrder, n: int, less: int = 0) -> int:
    """An integer from -less to n - 1 - less; 0 in a sequential order."""
    return int(n * order.random.random()) - less if order.randomize else 0


def crop(blob: np.ndarray, x: int, y: int) -> np.ndarray:
    """The window of 96 x 96 pixels around a pixel of a (C, H, W) blob, 0 beyond its border."""
    half = WINDOW // 2
    padded = np.pad(blob, ((0, 0), (half, half), (half, half)), "constant")
    return padded[:, y : y + WINDOW, x : x + WINDOW]


def load_bitmaps() -> Mapping[str, Sequence[np.ndarray]]:
    """The bitmaps of each split, (N, 28, 28) for each of KINDS.

    Raises   DataError when the package with the silhouettes is unavailable
    """
    splits = [split(bitmaps) for kind, bitmaps in load_silhouettes().items() if kind in KINDS]
    return {"train": [each.train for each in splits], "val": [each.held_out for each in splits]}


def prepare() -> Mapping[str, int]:
    """Compose the data set unless it is complete. Returns the images per split.

    Raises   DataError when the package with the silhouettes is unavailable
    """
    if not all(path.is_file() for split, folder in FOLDERS.items() for path in _list_files(split, folder)):
        part = ROOT.with_suffix(".part")
        bitmaps = load_bitmaps()
        for folder in part, ROOT:
            shutil.rmtree(str(folder), ignore_errors=True)
        with Progress(sum(SCENES.values()), "compose mini", "scenes") as progress:
            for split, folder in FOLDERS.items():
                _write_split(split, bitmaps[split], part / folder.relative_to(ROOT), progress)
        part.rename(ROOT)  # so a folder of this name is complete
    return SCENES


def compose_variant(
    root: Path, write_scene: Callable[[Path, str, Sequence[np.ndarray], int], None]
) -> Mapping[str, int]:
    """Compose the same scenes in the files of another data set unless its folder exists. Returns the images per split.

    write_scene   writes one scene: the data set's folder, the split, its bitmaps and the scene's number
    Raises        DataError when the package with the silhouettes is unavailable
    """
    if not root.is_dir():
        part = root.with_suffix(".part")
        shutil.rmtree(str(part), ignore_errors=True)
        bitmaps = load_bitmaps()
        with Progress(sum(SCENES.values()), f"compose {root.name}", "scenes") as progress:
            for split, images in SCENES.items():
                for _ in parallel_map(partial(write_scene, part, split, bitmaps[split]), images):
                    progress.advance()
                items = [format_item(split, number) for number in range(images)]
                preparation.write_list(part / f"{split}.txt", items, images)
        part.rename(root)  # so a folder of this name is complete
    return SCENES


def format_item(split: str, number: int) -> str:
    """The id of a scene."""
    return f"{split}_{number:04}"


def _list_files(split: str, folder: Path) -> Iterator[Path]:
    """All files of a split."""
    files, list_file, _ = LAYOUTS[split]
    yield from (folder / list_file, folder / LIST)
    for number in range(SCENES[split]):
        yield from files(folder, format_item(split, number))


def _write_split(split: str, bitmaps: Sequence[np.ndarray], folder: Path, progress: Progress) -> None:
    """Write a split's scenes, and its lists of scenes and windows."""
    items = [format_item(split, number) for number in range(SCENES[split])]
    windows: list[str] = []
    for of_scene in parallel_map(partial(_write_scene, split, bitmaps, folder), SCENES[split]):
        windows += of_scene
        progress.advance()
    for path, lines in (folder / LAYOUTS[split][1], items), (folder / LIST, windows[: WINDOWS[split]]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _write_scene(split: str, bitmaps: Sequence[np.ndarray], folder: Path, number: int) -> list[str]:
    """Write one scene; return its lines for the list of windows."""
    files, _, write_label = LAYOUTS[split]
    scene = scenes.compose(np.random.RandomState(SEEDS[split] + number), KINDS, bitmaps)
    image_path, label_path = files(folder, format_item(split, number))
    for path in image_path, label_path:
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene.image_rgb).save(str(image_path), quality=QUALITY)
    write_label(label_path, scene)
    return [f"{image_path.relative_to(folder)} {w.label} {w.x} {w.y}" for w in scene.windows]


def _write_mat(path: Path, scene: Scene) -> None:
    """Write a label map in SBD's format: no void. Not atomic, as the folder is renamed when complete."""
    scipy.io.savemat(str(path), {"GTcls": {"Segmentation": scene.label_hw}}, do_compression=True)


def _write_png(path: Path, scene: Scene) -> None:
    """Write a label map in VOC's format: contours are void."""
    make_label_image(np.where(scenes.find_contours(scene.instance_hw), VOID, scene.label_hw)).save(str(path))


LAYOUTS = {
    "train": (voc.sbd_files, "train.txt", _write_mat),
    "val": (voc.voc_files, "ImageSets/Segmentation/val.txt", _write_png),
}
