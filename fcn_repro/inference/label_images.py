"""Many photographs labelled: which files are meant, where their label maps go, and what is done about a bad one."""

from __future__ import annotations

import contextlib
import glob
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from fcn_repro.datasets.user.folder_layout import PHOTOGRAPHS
from fcn_repro.drawing.image_sheet import save
from fcn_repro.drawing.palette import legend, overlay, save_label
from fcn_repro.errors import DataError
from fcn_repro.inference.photo import MAX_PIXELS, read_photograph
from fcn_repro.inference.segmenter import Piece, Segmenter
from fcn_repro.system.progress import Progress

OVERLAY, LEGEND = "-overlay", "legend.png"  # what a picture's tinted copy is called beside its label map; the legend

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Photograph:
    """A file to label, and what its label map is called, perhaps with folders, without an ending."""

    path: Path
    name: str


@dataclass(frozen=True)
class Labelled:
    """What became of one photograph: its label maps' files, with each class's share of the pixels; or the trouble."""

    photograph: Photograph
    files: Mapping[Path, Mapping[str, float]]
    trouble: str | None = None


def find(meant: Iterable[str]) -> list[Photograph]:
    """The photographs that are meant: by a file's name, a folder's, for all in it, or a pattern, as "in/**/*.jpg".

    What lies below a folder keeps its folders in its name; no two have the same. A file that is not there is listed
    all the same: it is in the labelling that it is found bad.

    Raises   DataError for a folder without photographs and a pattern that nothing matches
    """
    found: list[Photograph] = []
    taken: set[str] = set()
    for path, name in (each for text in meant for each in _expanded(text)):
        free = (f"{name.with_suffix('')}{end}" for end in _endings(name))
        unique = next(each for each in free if each.casefold() not in taken)
        taken.add(unique.casefold())
        found.append(Photograph(path, unique))
    return found


def label(
    segmenter: Segmenter,
    photographs: Sequence[Photograph],
    out: Path,
    scores: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[Labelled]:
    """Label photographs one by one; one that cannot be read is told of, and passed over.

    Writes   out/NAME.png, a label map in VOC's palette, and out/NAME-overlay.png; with `scores` out/NAME-scores.npy,
             float32 (C, H, W); NAME-OUTPUT for NAME where the net has several outputs. Each whole or not at all.
    """
    with Progress(len(photographs), "label") as bar:
        for each in photographs:
            try:
                image = read_photograph(each.path, max_pixels)
                done = _label(segmenter, image, each, out, scores)
            except DataError as error:
                done = Labelled(each, {}, str(error))
            bar.advance(note=each.path.name)
            yield done


def write_legend(segmenter: Segmenter, out: Path) -> Path:
    """Write the classes of the first output, and their colours."""
    path = out / LEGEND
    save(path, legend(segmenter.class_names))
    return path


def _label(segmenter: Segmenter, image: Image.Image, photograph: Photograph, out: Path, scores: bool) -> Labelled:
    names = {output: _name(photograph.name, output, segmenter.outputs) for output in segmenter.outputs}
    for name in names.values():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        pieces = _counted(segmenter.pieces(image), photograph)
        if scores:
            pieces = _kept(pieces, {output: out / f"{name}-scores.npy" for output, name in names.items()}, stack)
        labels = segmenter.labels(pieces)
    files = {}
    for output, label_hw in labels.items():
        path = out / f"{names[output]}.png"
        save_label(path, label_hw)
        save(out / f"{names[output]}{OVERLAY}.png", overlay(image, label_hw))
        classes, pixels = np.unique(label_hw, return_counts=True)
        files[path] = {segmenter.classes[output][i]: n / label_hw.size for i, n in zip(classes, pixels)}
    return Labelled(photograph, files)


def _name(name: str, output: str, outputs: Sequence[str]) -> str:
    return name if len(outputs) == 1 else f"{name}-{output.replace('score_', '')}"


def _counted(pieces: Iterator[Piece], photograph: Photograph) -> Iterator[Piece]:
    """The pieces, with a progress bar of their own where there are several."""
    with contextlib.ExitStack() as stack:
        bar: Progress | None = None
        for piece in pieces:
            if piece.total > 1 and bar is None:
                bar = stack.enter_context(Progress(piece.total, photograph.path.name, unit="tiles"))
            yield piece
            if bar is not None:
                bar.advance()


def _kept(pieces: Iterator[Piece], paths: Mapping[str, Path], stack: contextlib.ExitStack) -> Iterator[Piece]:
    """The pieces, their scores written to files on the way, so that no more than one is in memory."""
    arrays: dict[str, np.ndarray] = {}
    for piece in pieces:
        for output, scores in piece.scores.items():
            if output not in arrays:
                shape = (len(scores), *piece.size)
                arrays[output] = stack.enter_context(_array_file(paths[output], shape))
            arrays[output][:, piece.rows.core, piece.columns.core] = scores
        yield piece


@contextlib.contextmanager
def _array_file(path: Path, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """A float32 array in an .npy file that takes its place when the block ends well, and is gone otherwise."""
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


def _expanded(text: str) -> Iterator[tuple[Path, Path]]:
    """The files that an argument means, each with what its label map would best be called after."""
    path = Path(text)
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file()]
        photographs = [file for file in files if file.suffix.lower() in PHOTOGRAPHS]
        if not photographs:
            raise DataError(f"{path}: no photographs in this folder; expected files named {', '.join(PHOTOGRAPHS)}")
        others = sorted({file for file in files if not file.name.startswith(".")} - set(photographs))
        if others:
            log.warning(
                "%s: files of other endings are not labelled: %d, such as %s", path, len(others), others[0].name
            )
        yield from ((file, file.relative_to(path)) for file in photographs)
    elif glob.has_magic(text) and not path.exists():
        matches = [Path(match) for match in sorted(glob.glob(text, recursive=True)) if Path(match).is_file()]
        if not matches:
            raise DataError(f"{text}: no file matches")
        yield from ((match, Path(match.name)) for match in matches)
    else:
        yield path, Path(path.name)


def _endings(name: Path) -> Iterator[str]:
    """What can be put behind a name that is taken: first nothing, then the file's own ending, then numbers."""
    yield ""
    yield f"-{name.suffix[1:]}"
    number = 2
    while True:
        yield f"-{number}"
        number += 1
