"""Paint where a classifier sees a class, or any concept of WordNet, on images of any size.

    python -m tools.heatmap vgg16-fcn street.jpg --class 817           an output of the classifier, from 0
    python -m tools.heatmap vgg16-fcn street.jpg --synset n02958343    car: the sum over all kinds of cars
    python -m tools.heatmap vgg16-fcn dogs/*.jpg --synset dog --side 600

A concept's classes come from ILSVRC's development kit, which is fetched unless --meta names its meta.mat.
A cell is 32 pixels wide, so larger pictures give finer maps: --side enlarges.

Reads    build/<net>.caffemodel (make <net>), or --weights
Writes   build/ilsvrc/<net>/pictures/NAME-CONCEPT.png, or --out another folder: what the net was shown, glowing
Exit     0 painted · 1 no such class, or some images are missing or too small, all others painted · 2 bad arguments
         · 3 weights are missing, or there is no such concept
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Sequence

import numpy as np
from google.protobuf import text_format
from PIL import Image

from fcn_repro import device
from fcn_repro.datasets.download.fetch import member
from fcn_repro.datasets.ilsvrc_synsets import read_synsets
from fcn_repro.datasets.preparation import write_png
from fcn_repro.datasets.voc import MEAN_BGR
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.inference.class_heatmap import at_pixels, heat_map, picture
from fcn_repro.inference.photo import read_photograph
from fcn_repro.model.receptive_field import Grid, grids
from fcn_repro.model.run_folder import RunFolder, converted
from fcn_repro.model.surgery import load
from fcn_repro.paths import BUILD
from nets import CLASSIFIERS, CONVOLUTIONAL
from tools import program
from solvers.emit import emit_classifier

META = "ILSVRC2012_devkit_t12/data/meta.mat"


def main(options: argparse.Namespace) -> None:
    name, classes = wanted(options)
    folder = RunFolder(options.net, BUILD / "ilsvrc")
    weights = options.weights or converted(options.net)
    if not weights.exists():
        raise DataError(f"{weights}: missing; make it (make {options.net}) or name another: --weights FILE")
    emit_classifier(options.net)
    device.choose(options.gpu)
    net, grid = load(folder.deploy, weights), cells_of(folder.deploy)
    window = net.blobs["data"].height  # what one cell of the map takes, as the prototxt says
    bad = 0
    for path in options.images:
        try:
            image = enlarged(read_photograph(path), options.side)
            check_size(path, image, window)
        except DataError as error:
            print(f"passed over: {error}", file=sys.stderr)
            bad += 1
            continue
        heat = heat_map(net, image, mean_bgr(options.net), classes)
        out = (options.out or folder.pictures) / f"{path.stem}-{name}.png"
        write_png(out, np.asarray(picture(image, at_pixels(heat, grid, image.size[::-1]))))
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        where = " x ".join(f"{grid.first + grid.spacing * cell:.0f}" for cell in (x, y))
        print(f"{out}: {heat.shape[1]} x {heat.shape[0]} cells, at most {heat.max():.3f}, around pixel {where}")
    if bad:
        raise ValueError(f"{bad} of {len(options.images)} images could not be painted; the others are")


def wanted(options: argparse.Namespace) -> tuple[str, Sequence[int]]:
    """What to call it, and the outputs to add."""
    if options.synset is None:
        return f"class{options.class_}", [options.class_]
    synsets = read_synsets(options.meta or member("ilsvrc2012-devkit", META))
    synset = synsets.find(options.synset)
    classes = synsets.classes(synset)
    print(f"{synset}: {len(classes)} of {len(synsets.outputs)} classes")
    return synset.wnid, classes


def mean_bgr(net: str) -> Sequence[float]:
    """The mean that the classifier was trained with; where that is a picture, the mean of its pixels."""
    reads = CLASSIFIERS[CONVOLUTIONAL[net]].reads
    mean = reads.transform.get("mean_value") if reads else None
    return mean if isinstance(mean, list) else MEAN_BGR


def cells_of(prototxt: Path) -> Grid:
    """How the cells of a net's last layer lie on the image."""
    net = text_format.Merge(prototxt.read_text(encoding="utf-8"), caffe.proto.caffe_pb2.NetParameter())
    return grids(net)[net.layer[-1].bottom[0]]


def enlarged(image: Image.Image, side: int | None) -> Image.Image:
    """The image, its shorter side of `side` pixels."""
    if side is None:
        return image
    scale = side / min(image.size)
    return image.resize([max(round(scale * n), side) for n in image.size], Image.Resampling.BICUBIC)


def check_size(path: Path, image: Image.Image, window: int) -> None:
    if min(image.size) < window:
        found = " x ".join(map(str, image.size))
        raise DataError(f"{path}: {found} pixels; expected {window} or more on both sides. Enlarge it: --side {window}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=CONVOLUTIONAL)
    parser.add_argument("images", nargs="+", type=Path, metavar="image")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--class", dest="class_", type=int, metavar="N", help="an output of the classifier, from 0")
    what.add_argument("--synset", metavar="WNID", help="a concept: its number in WordNet, or its name")
    parser.add_argument("--meta", type=Path, metavar="FILE", help="meta.mat of ILSVRC's development kit")
    parser.add_argument("--side", type=program.positive, metavar="N", help="scale the shorter side to N pixels")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="these in place of build/<net>.caffemodel")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
