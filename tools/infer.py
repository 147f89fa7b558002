"""Label images of any size with a trained net.

    python -m tools.infer voc-fcn8s street.jpg                   a file
    python -m tools.infer voc-fcn8s holidays/ "more/**/*.png"    all in a folder, and all that match
    find . -name "*.jpg" | python -m tools.infer voc-fcn8s -     a list on standard input, a file a line
    python -m tools.infer voc-fcn8s city.tif --tile 256          with less memory, and the same labels
    MEMORY_GB=4 python -m tools.infer voc-fcn8s city.tif         with about so much at most, by itself

MODEL is an experiment, whose own weights are taken if it was trained here, and else those that the reference released
(fetched once, and checked); or a folder with deploy.prototxt, deploy.json and final.caffemodel. Photographs of any mode
are taken: grey, CMYK, palettes, 16 bits, transparent ones on white; they are turned as their EXIF says.
What does not fit in memory is labelled in tiles that overlap by what the net sees: the result is the same.

Reads    build/<experiment>/deploy.prototxt and deploy.json, made if not there; final.caffemodel or --weights
Writes   build/<experiment>/pictures/NAME.png, a label map in VOC's palette, and NAME-overlay.png; with --scores
         NAME-scores.npy, float32 (classes, H, W); with --legend legend.png; with --out all of it to another folder
Exit     0 labelled · 1 some could not be read, all others are labelled · 2 bad arguments · 3 weights or images missing
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Iterator, Sequence

from fcn_repro.datasets.download.fetch import fetch
from fcn_repro.errors import DataError
from fcn_repro.inference.label_images import Labelled, find, label, write_legend
from fcn_repro.inference.photo import MAX_PIXELS
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.system import memory
from solvers.experiments import EXPERIMENTS
from tools import program
from solvers.emit import emit_experiment


def main(options: argparse.Namespace) -> None:
    photographs = find(named(options.images))
    if not photographs:
        raise DataError("no images: standard input was empty")
    if options.model in EXPERIMENTS:
        emit_experiment(EXPERIMENTS[options.model])
    elif not Path(options.model, "deploy.prototxt").is_file():
        known = ", ".join(EXPERIMENTS)
        raise DataError(f"{options.model}: no folder with a deploy.prototxt, and no experiment; there are {known}")
    weights = fetch(options.model) if options.released else options.weights
    segmenter = Segmenter(options.model, weights, options.tile, options.gpu)
    out = options.out or segmenter.folder.pictures
    if options.legend:
        print(write_legend(segmenter, out))
    began = time.monotonic()
    bad = [each for each in map(told, label(segmenter, photographs, out, options.scores, options.max_pixels)) if each]
    count, seconds = len(photographs) - len(bad), time.monotonic() - began
    print(f"{count} labelled in {seconds:.1f} s, with at most {memory.format_bytes(memory.peak_bytes())} of memory", file=sys.stderr)
    if bad:
        raise ValueError(f"{len(bad)} of {len(photographs)} images could not be labelled; the others are")


def named(arguments: Sequence[str]) -> Iterator[str]:
    """What is named on the command line, and, where a - stands, on standard input."""
    for argument in arguments:
        if argument == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip())
        else:
            yield argument


def told(done: Labelled) -> bool:
    """Print what became of a photograph; True if nothing did."""
    if done.trouble:
        print(f"passed over: {done.trouble}", file=sys.stderr)
    for path, shares in done.files.items():
        print(f"{path}: {', '.join(f'{name} {share:.1%}' for name, share in shares.items())}", flush=True)
    return done.trouble is not None


def tile(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no side of a tile; expected pixels, or 0 to label images whole")
    return int(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help=f"a folder, or one of {', '.join(EXPERIMENTS)}")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="a file, a folder, a pattern, or - for a list")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--weights", type=Path, metavar="FILE", help="label with these in place of the final ones")
    weights.add_argument("--released", action="store_true", help="label with those that the reference released")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write")
    parser.add_argument("--scores", action="store_true", help="keep the score of every class and pixel, too")
    parser.add_argument("--legend", action="store_true", help="draw the classes and their colours")
    parser.add_argument(
        "--tile", type=tile, metavar="N", help="label N x N pixels at a time, 0: all; default: all if it fits"
    )
    limit = "refuse images of more (default: %(default)s)"
    parser.add_argument("--max-pixels", type=program.positive, default=MAX_PIXELS, metavar="N", help=limit)
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
