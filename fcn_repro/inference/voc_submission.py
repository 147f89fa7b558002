"""A submission to PASCAL VOC's evaluation server: an archive with a label map of every image of a split.

results/VOC2012/Segmentation/comp6_test_cls/ID.png

A label map is an indexed PNG in VOC's palette, of its image's size, with values 0 (background) to 20; 255, void, is
not allowed. Competition 5 is for methods trained on VOC's own images only, 6 for all others: FCN also trains on ILSVRC
and SBD.

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
from fcn_repro.drawing.palette import make_voc_palette, save_label
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.output_paths import check_outputs
from fcn_repro.system.progress import Progress
from fcn_repro.system.untrusted_files import IMAGE_ERRORS, open_image

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission:
    """The label maps of a split of one year of VOC, and where they are written."""

    root: Path
    voc_dir: Path  # with JPEGImages/ID.jpg and ImageSets/Segmentation/SPLIT.txt; named after the year: VOC2012
    split: str
    competition: int  # 5 or 6

    @property
    def folder(self) -> Path:
        """The folder of the label maps."""
        return self.root / "results" / self.voc_dir.name / "Segmentation" / f"comp{self.competition}_{self.split}_cls"

    @property
    def archive(self) -> Path:
        """The file to upload."""
        return self.root / f"{self.voc_dir.name}-comp{self.competition}_{self.split}_cls.tar.gz"

    def read_ids(self) -> Sequence[str]:
        """Read the ids of the split's images.

        Raises   DataError if the list is missing or names paths
        """
        listed = self.voc_dir / "ImageSets" / "Segmentation" / f"{self.split}.txt"
        try:
            items = file_readers.read_list(listed)
        except DataError as error:
            year = self.voc_dir.name
            raise DataError(
                f"{error}\nVOC's evaluation server distributes its test images to registered users. Fix: unpack them "
                f"so that VOCdevkit/{year} becomes {self.voc_dir}, or name another folder called {year}: --voc"
            ) from error
        strange = [item for item in items if Path(item).name != item]
        if strange:
            raise DataError(f"{listed}: {strange[0]!r} is not an image id")
        return items

    def image_path(self, item: str) -> Path:
        """Return the file of an image."""
        return self.voc_dir / "JPEGImages" / f"{item}.jpg"

    def label_path(self, item: str) -> Path:
        """Return the file of a label map."""
        return self.folder / f"{item}.png"

    def prepare(self, weights_sha256: str) -> None:
        """Create the folder; keep label maps of these weights, and remove those of other weights."""
        note = self.root / "weights.sha256"
        before = note.read_text(encoding="utf-8").strip() if note.is_file() else None
        if before not in (None, weights_sha256):
            logger.info("%s: removing the label maps of other weights, sha256 %s", self.root, before)
            for path in [*self.root.glob("results/**/*.png"), *self.root.glob("*.tar.gz")]:
                path.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(note) as file:
            file.write(f"{weights_sha256}\n")

    def write(self, label: Callable[[np.ndarray], np.ndarray]) -> None:
        """Write missing and invalid label maps; `label` maps (H, W, 3) uint8, R G B, to (H, W) classes."""
        items = self.read_ids()
        images = [self.image_path(item) for item in items]
        check_outputs(zip(map(self.label_path, items), images), images, "another folder of VOC: --voc")
        todo = [item for item in items if self.find_error(item)]
        with Progress(len(items), f"label {self.split}", done=len(items) - len(todo)) as progress:
            for item in todo:
                save_label(self.label_path(item), label(file_readers.read_rgb(self.image_path(item))))
                progress.advance(note=item)

    def find_error(self, item: str) -> str | None:
        """Return why the server would refuse an item's label map; None if it accepts it.

        Raises   DataError if the image is damaged
        """
        path, size = self.label_path(item), _read_size(self.image_path(item))
        if not path.is_file():
            return f"{path}: missing"
        try:
            with open_image(path) as image:
                return _find_error(path, image, size)
        except IMAGE_ERRORS as error:
            return f"{path}: {type(error).__name__}: {error}"

    def check(self) -> int:
        """Check that there is a valid label map for each image of the split and no other file; return their number.

        Raises   DataError with the first error and their number
        """
        items = self.read_ids()
        with Progress(len(items), f"check {self.folder.name}") as progress:
            errors = []
            for item in items:
                errors.append(self.find_error(item))
                progress.advance()
        known = {self.label_path(item) for item in items}
        errors += [f"{path}: {self.split} has no such image" for path in self.folder.glob("*") if path not in known]
        found = [error for error in errors if error]
        if found:
            raise DataError(f"{found[0]} ({len(found)} such errors)")
        return len(items)

    def pack(self) -> Path:
        """Write the archive; equal label maps give equal bytes."""
        items = sorted(self.read_ids())
        with atomic_write(self.archive, "wb") as file, Progress(len(items), "pack") as progress:
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
                with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
                    for item in items:
                        path = self.label_path(item)
                        entry = tarfile.TarInfo(path.relative_to(self.root).as_posix())
                        entry.size, entry.mode = path.stat().st_size, 0o644
                        with open(str(path), "rb") as png:
                            archive.addfile(entry, png)
                        progress.advance()
        return self.archive


def _find_error(path: Path, image: Image.Image, size: tuple[int, int]) -> str | None:
    if image.format != "PNG" or image.mode != "P":
        return f"{path}: {image.format} of mode {image.mode}; expected an indexed PNG, mode P"
    if image.size != size:
        return f"{path}: {image.width} x {image.height} pixels; expected its image's {size[0]} x {size[1]}"
    label_hw = np.asarray(image)
    if label_hw.max() >= len(CLASS_NAMES):
        return f"{path}: label value {label_hw.max()}; expected 0 to {len(CLASS_NAMES) - 1}"
    palette = np.frombuffer(bytes(image.getpalette() or ()), np.uint8).reshape(-1, 3)
    used = np.unique(label_hw)
    if len(palette) <= used.max() or not np.array_equal(palette[used], make_voc_palette()[used]):
        return f"{path}: expected VOC's palette"
    return None


def _read_size(path: Path) -> tuple[int, int]:
    try:
        with open_image(path) as image:
            return image.size
    except IMAGE_ERRORS as error:
        raise file_readers.read_error(path, "image", error) from error
