"""Label images of any size with a trained net.

    python -m tools.infer voc-fcn8s street.jpg                   a file
    python -m tools.infer voc-fcn8s holidays/ "more/**/*.png"    all in a folder, and all that match
    find . -name "*.jpg" | python -m tools.infer voc-fcn8s -     a list on standard input, a file a line
    python -m tools.infer voc-fcn8s city.tif --tile 256          with less memory, and the same labels
    MEMORY_GB=4 python -m tools.infer voc-fcn8s city.tif         with at most about 4 GB

MODEL is an experiment or a folder with deploy.prototxt, deploy.json and final.caffemodel. An experiment without its own
final weights uses those that the reference released, downloaded once and verified. Images may have any mode: grey,
CMYK, palettes, 16 bits, transparent (on white); their EXIF orientation is applied. Images that do not fit in memory are
labelled in tiles that overlap by the net's receptive field, with the same result.

Reads    build/<experiment>/deploy.prototxt and deploy.json, written if missing; final.caffemodel or --weights
Writes   build/<experiment>/pictures/NAME.png, a label map in VOC's palette, and NAME-overlay.png; with --scores
         NAME-scores.npy, float32 (classes, H, W); with --legend legend.png; with --out all of it to another folder
Exit     0 labelled · 1 some images were unreadable and skipped · 2 bad arguments · 3 weights or images missing, or a
         file would replace an image or another output
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Iterator, Sequence

from fcn_repro.datasets.photo import MAX_PIXELS
from fcn_repro.errors import DataError
from fcn_repro.inference.label_images import find_images, label_images, write_legend
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.model.find_weights import fetch_weights, find_model
from fcn_repro.system import memory
from solvers.emit import emit_experiment
from solvers.experiments import EXPERIMENTS
from tools import program


def main(options: argparse.Namespace) -> None:
    images = find_images(expand_standard_input(options.images))
    if not images:
        raise DataError("no images: standard input was empty")
    if options.model in EXPERIMENTS:
        emit_experiment(EXPERIMENTS[options.model])
    elif not Path(options.model, "deploy.prototxt").is_file():
        known = ", ".join(EXPERIMENTS)
        raise DataError(f"{options.model}: expected a folder with a deploy.prototxt, or an experiment: {known}")
    weights = options.weights
    if options.released:
        weights = fetch_weights(options.model, lambda: find_model(options.model).deploy)
    segmenter = Segmenter(options.model, weights, options.tile, options.gpu)
    out = options.out or segmenter.folder.images
    results = label_images(segmenter, images, out, options.scores, options.max_pixels, options.legend)
    if options.legend:
        print(write_legend(segmenter, out))
    start, skipped = time.monotonic(), 0
    for result in results:
        if result.error:
            print(f"skipped: {result.error}", file=sys.stderr)
            skipped += 1
        for path, shares in result.files.items():
            print(f"{path}: {', '.join(f'{name} {share:.1%}' for name, share in shares.items())}", flush=True)
    count, seconds, peak = len(images) - skipped, time.monotonic() - start, memory.format_bytes(memory.peak_bytes())
    print(f"labelled {count} image{'s' * (count != 1)} in {seconds:.1f} s (peak memory {peak})", file=sys.stderr)
    if skipped:
        raise ValueError(f"skipped {skipped} of {len(images)} images")


def expand_standard_input(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments, and for a - the lines of standard input."""
    for argument in arguments:
        if argument == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip())
        else:
            yield argument


def tile(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"got {text!r}, expected the side of a tile in pixels, or 0 for whole images")
    return int(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help=f"a folder, or one of {', '.join(EXPERIMENTS)}")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="a file, a folder, a pattern, or - for a list")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--weights", type=Path, metavar="FILE", help="weights instead of the final ones")
    weights.add_argument("--released", action="store_true", help="the weights that the reference released")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write")
    parser.add_argument("--scores", action="store_true", help="also write the score of every class and pixel")
    parser.add_argument("--legend", action="store_true", help="draw the classes and their colours")
    tiles = "label N x N pixels at a time, 0: all; default: all if it fits in memory"
    parser.add_argument("--tile", type=tile, metavar="N", help=tiles)
    limit = "refuse larger images (default: %(default)s)"
    parser.add_argument("--max-pixels", type=program.positive, default=MAX_PIXELS, metavar="N", help=limit)
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
