"""Label many images: which files an argument means, where label maps go, and how damaged files are reported."""

from __future__ import annotations

import contextlib
import glob
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, Mapping, Sequence

import numpy as np

from fcn_repro.datasets.photo import MAX_PIXELS, read_photo
from fcn_repro.datasets.user.folder_layout import IMAGE_SUFFIXES
from fcn_repro.drawing.image_sheet import save_png
from fcn_repro.drawing.palette import draw_legend, overlay_labels, save_label
from fcn_repro.errors import DataError
from fcn_repro.inference.segmenter import Segmenter, Tile
from fcn_repro.system.folder_walk import walk_files
from fcn_repro.system.output_paths import check_outputs
from fcn_repro.system.progress import Progress

OVERLAY, SCORES, LEGEND = "-overlay", "-scores.npy", "legend.png"  # endings of names; name of the legend

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageFile:
    """A file to label, and the name of its label map, which may include folders, without an ending."""

    path: Path
    name: str


@dataclass(frozen=True)
class LabelResult:
    """The label maps of one image with each class's share of the pixels, or the error."""

    image: ImageFile
    files: Mapping[Path, Mapping[str, float]]
    error: str | None = None


def find_images(arguments: Iterable[str]) -> list[ImageFile]:
    """Find the images that arguments mean: a file, a folder with everything below it, or a pattern: "in/**/*.jpg".

    Files below a folder keep their folders in their names, and all names differ. A missing file is listed, and
    reported when it is to be labelled.

    Raises   DataError for a folder without images and a pattern without matches
    """
    found: list[ImageFile] = []
    taken: set[str] = set()
    for path, name in (each for text in arguments for each in _expand(text)):
        names = (f"{name.with_suffix('')}{ending}" for ending in _list_endings(name))
        unique = next(each for each in names if each.casefold() not in taken)
        taken.add(unique.casefold())
        found.append(ImageFile(path, unique))
    return found


def label_images(
    segmenter: Segmenter,
    images: Sequence[ImageFile],
    out: Path,
    scores: bool = False,
    max_pixels: int = MAX_PIXELS,
    legend: bool = False,
) -> Iterator[LabelResult]:
    """Label images one by one; one that cannot be read is reported and skipped.

    Writes   out/NAME.png, a label map in VOC's palette, and out/NAME-overlay.png; with `scores` out/NAME-scores.npy,
             float32 (C, H, W). With several outputs, NAME-OUTPUT replaces NAME. Each file is atomic
    Raises   DataError before the first image if a file would replace an image, another output or the `legend`
    """
    outputs = [(out / LEGEND, Path("--legend"))] if legend else []
    for each in images:
        files = (_list_files(stem, scores) for stem in _name_outputs(segmenter, each, out).values())
        outputs += [(path, each.path) for paths in files for path in paths]
    check_outputs(outputs, (each.path for each in images), "--out ANOTHER_FOLDER, or other names for the images")
    return _label_all(segmenter, images, out, scores, max_pixels)


def _label_all(
    segmenter: Segmenter, images: Sequence[ImageFile], out: Path, scores: bool, max_pixels: int
) -> Iterator[LabelResult]:
    with Progress(len(images), "label") as bar:
        for each in images:
            try:
                result = _label(segmenter, each, out, scores, max_pixels)
            except DataError as error:
                result = LabelResult(each, {}, str(error))
            bar.advance(note=each.path.name)
            yield result


def write_legend(segmenter: Segmenter, out: Path) -> Path:
    """Write the classes of the first output and their colours."""
    path = out / LEGEND
    save_png(path, draw_legend(segmenter.class_names))
    return path


def _label(segmenter: Segmenter, file: ImageFile, out: Path, scores: bool, max_pixels: int) -> LabelResult:
    image = read_photo(file.path, max_pixels)
    stems = _name_outputs(segmenter, file, out)
    (out / file.name).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        tiles = _show_progress(segmenter.compute_tiles(image), file)
        if scores:
            paths = {output: _list_files(stem, scores)[2] for output, stem in stems.items()}
            tiles = _write_scores(tiles, paths, stack)
        labels = segmenter.label_tiles(tiles)
    files = {}
    for output, label_hw in labels.items():
        path, overlay = _list_files(stems[output])[:2]
        save_label(path, label_hw)
        save_png(overlay, overlay_labels(image, label_hw))
        classes, pixels = np.unique(label_hw, return_counts=True)
        files[path] = {segmenter.classes[output][i]: n / label_hw.size for i, n in zip(classes, pixels)}
    return LabelResult(file, files)


def _name_outputs(segmenter: Segmenter, file: ImageFile, out: Path) -> Mapping[str, Path]:
    """Return the path of each output of the net for an image, without an ending."""
    several = len(segmenter.outputs) > 1
    endings = {output: f"-{output.replace('score_', '')}" if several else "" for output in segmenter.outputs}
    return {output: out / f"{file.name}{ending}" for output, ending in endings.items()}


def _list_files(stem: Path, scores: bool = False) -> Sequence[Path]:
    """Return the files of one output: the label map, the overlay, and the scores if they are wanted."""
    endings = [".png", f"{OVERLAY}.png", *([SCORES] if scores else [])]
    return [stem.with_name(f"{stem.name}{ending}") for ending in endings]


def _show_progress(tiles: Iterator[Tile], file: ImageFile) -> Iterator[Tile]:
    """Pass tiles through, with a progress bar if there are several."""
    with contextlib.ExitStack() as stack:
        bar: Progress | None = None
        for tile in tiles:
            if tile.total > 1 and bar is None:
                bar = stack.enter_context(Progress(tile.total, file.path.name, unit="tiles"))
            yield tile
            if bar is not None:
                bar.advance()


def _write_scores(tiles: Iterator[Tile], paths: Mapping[str, Path], stack: contextlib.ExitStack) -> Iterator[Tile]:
    """Pass tiles through and write their scores to files, so that memory holds one tile."""
    arrays: dict[str, np.ndarray] = {}
    for tile in tiles:
        for output, scores in tile.scores.items():
            if output not in arrays:
                arrays[output] = stack.enter_context(_open_array(paths[output], (len(scores), *tile.size)))
            arrays[output][:, tile.rows.core, tile.columns.core] = scores
        yield tile


@contextlib.contextmanager
def _open_array(path: Path, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Map a float32 array to a temporary .npy file, which replaces `path` unless an exception removes it."""
    part = path.with_name(f".{path.name}.part")
    try:
        array = np.lib.format.open_memmap(str(part), mode="w+", dtype=np.float32, shape=shape)
        yield array
        array.flush()
        os.replace(str(part), str(path))
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        raise


def _expand(text: str) -> Iterator[tuple[Path, Path]]:
    """Yield the files that an argument means, each with the preferred name of its label map."""
    path = Path(text)
    if path.is_dir():
        files = walk_files(path)
        images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
        if not images:
            raise DataError(f"{path}: no images in this folder; expected files named {', '.join(IMAGE_SUFFIXES)}")
        others = sorted(set(files) - set(images))
        if others:
            log.warning("%s: skipping %d files with other endings, such as %s", path, len(others), others[0].name)
        yield from ((file, file.relative_to(path)) for file in images)
    elif glob.has_magic(text) and not path.exists():
        matches = [Path(match) for match in sorted(glob.glob(text, recursive=True)) if Path(match).is_file()]
        if not matches:
            raise DataError(f"{text}: no file matches")
        yield from ((match, Path(match.name)) for match in matches)
    else:
        yield path, Path(path.name)


def _list_endings(name: Path) -> Iterator[str]:
    """Yield endings that make a name unique: none, the file's own, then numbers."""
    yield ""
    yield f"-{name.suffix[1:]}"
    number = 2
    while True:
        yield f"-{number}"
        number += 1
