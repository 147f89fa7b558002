"""What PASCAL VOC's evaluation server takes: a label map for every image of a split, in its folders, packed.

results/VOC2012/Segmentation/comp6_test_cls/ID.png

A label map is an indexed PNG in VOC's palette, of its photograph's size, its values 0 (background) to 20; 255, void, is
no answer. Competition 5 is for methods that learn from VOC's own images alone, 6 for all others: FCN learns from
ILSVRC and SBD.

Source   VOC 2012 devkit, section 4.2 of its documentation, and VOCinit.m (VOCopts.seg.clsrespath)
"""

from __future__ import annotations

import gzip
import logging
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

import numpy as np
from PIL import Image

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.voc import CLASS_NAMES
from fcn_repro.drawing.palette import save_label, voc_palette
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.progress import Progress
from fcn_repro.system.untrusted_files import open_image

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission:
    """Label maps of a split of a year's VOC, and where they are written."""

    root: Path
    voc_dir: Path  # JPEGImages/ID.jpg and ImageSets/Segmentation/SPLIT.txt in it; its name is the year's, as VOC2012
    split: str
    competition: int  # 5 or 6

    @property
    def folder(self) -> Path:
        """Where the label maps lie."""
        return self.root / "results" / self.voc_dir.name / "Segmentation" / f"comp{self.competition}_{self.split}_cls"

    @property
    def archive(self) -> Path:
        """What is to be uploaded."""
        return self.root / f"{self.voc_dir.name}-comp{self.competition}_{self.split}_cls.tar.gz"

    def items(self) -> Sequence[str]:
        """The ids of the split.

        Raises   DataError when there is no list, or it names no files
        """
        listed = self.voc_dir / "ImageSets" / "Segmentation" / f"{self.split}.txt"
        try:
            items = file_readers.read_list(listed)
        except DataError as error:
            year = self.voc_dir.name
            raise DataError(
                f"{error}\nVOC's test images are handed out by its evaluation server, to those who register. Unpack "
                f"them so that VOCdevkit/{year} becomes {self.voc_dir}, or name another folder called {year}: --voc"
            ) from error
        strange = [item for item in items if Path(item).name != item]
        if strange:
            raise DataError(f"{listed}: {strange[0]!r} is no image's id")
        return items

    def photograph(self, item: str) -> Path:
        """The file of a photograph."""
        return self.voc_dir / "JPEGImages" / f"{item}.jpg"

    def label_map(self, item: str) -> Path:
        """The file of a label map."""
        return self.folder / f"{item}.png"

    def begin(self, weights_sha256: str) -> None:
        """Keep the label maps of these weights that are there already; remove those of others."""
        note = self.root / "weights.sha256"
        before = note.read_text(encoding="utf-8").strip() if note.is_file() else None
        if before not in (None, weights_sha256):
            logger.info("%s holds label maps of other weights, sha256 %s: made anew", self.root, before)
            for path in [*self.root.glob("results/**/*.png"), *self.root.glob("*.tar.gz")]:
                path.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(note) as file:
            file.write(f"{weights_sha256}\n")

    def write(self, label: Callable[[np.ndarray], np.ndarray]) -> None:
        """Write what is missing or unfit: `label` turns (H, W, 3) uint8, R G B, into (H, W) classes."""
        items = self.items()
        todo = [item for item in items if self.fault(item)]
        with Progress(len(items), f"label {self.split}", done=len(items) - len(todo)) as progress:
            for item in todo:
                save_label(self.label_map(item), label(file_readers.read_rgb(self.photograph(item))))
                progress.advance(note=item)

    def fault(self, item: str) -> str | None:
        """Why the server would not take an item's label map; None if it would.

        Raises   DataError when the photograph cannot be read
        """
        path, size = self.label_map(item), _size(self.photograph(item))
        if not path.is_file():
            return f"{path}: missing"
        try:
            with open_image(path) as image:
                return _fault(path, image, size)
        except file_readers.DAMAGED_IMAGE as error:
            return f"{path}: {type(error).__name__}: {error}"

    def check(self) -> int:
        """The number of label maps, which are those of the split and no others.

        Raises   DataError with the first fault and the number of all
        """
        items = self.items()
        with Progress(len(items), f"check {self.folder.name}") as progress:
            faults = []
            for item in items:
                faults.append(self.fault(item))
                progress.advance()
        known = {self.label_map(item) for item in items}
        faults += [f"{path}: {self.split} has no such image" for path in self.folder.glob("*") if path not in known]
        found = [fault for fault in faults if fault]
        if found:
            raise DataError(f"{found[0]} ({len(found)} such faults)")
        return len(items)

    def pack(self) -> Path:
        """Write the archive, the same bytes for the same label maps."""
        items = sorted(self.items())
        with atomic_write(self.archive, "wb") as file, Progress(len(items), "pack") as progress:
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
                with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
                    for item in items:
                        path = self.label_map(item)
                        entry = tarfile.TarInfo(path.relative_to(self.root).as_posix())
                        entry.size, entry.mode = path.stat().st_size, 0o644
                        with open(str(path), "rb") as png:
                            archive.addfile(entry, png)
                        progress.advance()
        return self.archive


def _fault(path: Path, image: Image.Image, size: tuple[int, int]) -> str | None:
    if image.format != "PNG" or image.mode != "P":
        return f"{path}: {image.format} of mode {image.mode}; expected an indexed PNG, mode P"
    if image.size != size:
        return f"{path}: {image.width} x {image.height} pixels; expected its photograph's {size[0]} x {size[1]}"
    label_hw = np.asarray(image)
    if label_hw.max() >= len(CLASS_NAMES):
        return f"{path}: label value {label_hw.max()}; expected 0 to {len(CLASS_NAMES) - 1}"
    palette = np.frombuffer(bytes(image.getpalette() or ()), np.uint8).reshape(-1, 3)
    used = np.unique(label_hw)
    if len(palette) <= used.max() or not np.array_equal(palette[used], voc_palette()[used]):
        return f"{path}: another palette than VOC's"
    return None


def _size(path: Path) -> tuple[int, int]:
    try:
        with open_image(path) as image:
            return image.size
    except file_readers.DAMAGED_IMAGE as error:
        raise file_readers.read_error(path, "photograph", error) from error
