"""Show where a classifier sees a class, or any concept of WordNet, on images of any size.

    python -m tools.heatmap vgg16-fcn street.jpg --class 817           an output of the classifier, from 0
    python -m tools.heatmap vgg16-fcn street.jpg --synset n02958343    car: the sum over all kinds of cars
    python -m tools.heatmap vgg16-fcn dogs/*.jpg --synset dog --side 600

A concept's classes come from ILSVRC's development kit, which is downloaded unless --meta names its meta.mat.
A cell is 32 pixels wide, so larger images give finer maps: --side enlarges them.

Reads    build/<net>.caffemodel (make <net>), or --weights
Writes   build/ilsvrc/<net>/pictures/NAME-CONCEPT.png, or --out another folder: the image under a heat map
Exit     0 drawn · 1 no such class, or some images were missing or too small and skipped · 2 bad arguments
         · 3 weights or the concept are missing, or a file would replace an image or another output
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Sequence

import numpy as np
from PIL import Image

from fcn_repro import device
from fcn_repro.datasets.download.fetch import fetch_member
from fcn_repro.datasets.ilsvrc_synsets import read_synsets
from fcn_repro.datasets.photo import read_photo
from fcn_repro.datasets.voc import MEAN_BGR
from fcn_repro.drawing.image_sheet import save_png
from fcn_repro.errors import DataError
from fcn_repro.inference.class_heatmap import compute_heat_map, draw_heat_map, interpolate_to_pixels
from fcn_repro.inference.label_images import find_images
from fcn_repro.model.prototxt import read_net
from fcn_repro.model.receptive_field import find_grids
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder, classifier_weights
from fcn_repro.model.surgery import load
from fcn_repro.system.output_paths import check_outputs
from nets import CLASSIFIERS, CONVOLUTIONAL
from solvers.emit import emit_classifier
from tools import program

META = "ILSVRC2012_devkit_t12/data/meta.mat"


def main(options: argparse.Namespace) -> None:
    name, classes = find_classes(options)
    folder = RunFolder(options.net, CLASSIFIER_NETS)
    weights = options.weights or classifier_weights(options.net)
    if not weights.exists():
        raise DataError(f"{weights}: missing. Fix: make {options.net}, or give others: --weights FILE")
    images = find_images(options.images)
    outputs = [(options.out or folder.images) / f"{each.name}-{name}.png" for each in images]
    inputs = [each.path for each in images]
    check_outputs(zip(outputs, inputs), inputs, "--out ANOTHER_FOLDER, or other names for the images")
    emit_classifier(options.net)
    device.choose(options.gpu)
    net, message = load(folder.deploy, weights), read_net(folder.deploy)
    grid = find_grids(message)[message.layer[-1].bottom[0]]
    skipped = 0
    for path, out in zip(inputs, outputs):
        try:
            image = read_image(path, options.side, net.blobs["data"].height)
        except DataError as error:
            print(f"skipped: {error}", file=sys.stderr)
            skipped += 1
            continue
        heat = compute_heat_map(net, image, find_mean_bgr(options.net), classes)
        out.parent.mkdir(parents=True, exist_ok=True)
        save_png(out, draw_heat_map(image, interpolate_to_pixels(heat, grid, image.size[::-1])))
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        pixel = " x ".join(f"{grid.offset + grid.stride * cell:.0f}" for cell in (x, y))
        print(f"{out}: {heat.shape[1]} x {heat.shape[0]} cells, at most {heat.max():.3f}, around pixel {pixel}")
    if skipped:
        raise ValueError(f"skipped {skipped} of {len(images)} images")


def find_classes(options: argparse.Namespace) -> tuple[str, Sequence[int]]:
    """Return the name of the concept, and the classifier's outputs to add."""
    if options.synset is None:
        return f"class{options.class_}", [options.class_]
    synsets = read_synsets(options.meta or fetch_member("ilsvrc2012-devkit", META))
    synset = synsets.find(options.synset)
    classes = synsets.find_outputs(synset)
    print(f"{synset}: {len(classes)} of {len(synsets.outputs)} classes")
    return synset.wnid, classes


def find_mean_bgr(net: str) -> Sequence[float]:
    """Return the classifier's mean pixel; for one trained with a mean image, the mean of its pixels."""
    reads = CLASSIFIERS[CONVOLUTIONAL[net]].reads
    mean = reads.transform.get("mean_value") if reads else None
    return mean if isinstance(mean, list) else MEAN_BGR


def read_image(path: Path, side: int | None, smallest: int) -> Image.Image:
    """Read an image, scaled to a shorter side of `side`; DataError if it is smaller than one cell's input."""
    image = read_photo(path)
    if side is not None:
        scale = side / min(image.size)
        image = image.resize([max(round(scale * n), side) for n in image.size], Image.Resampling.BICUBIC)
    if min(image.size) < smallest:
        size = " x ".join(map(str, image.size))
        raise DataError(f"{path}: got {size} pixels, expected at least {smallest} per side. Fix: --side {smallest}")
    return image


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=CONVOLUTIONAL)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="a file, a folder or a pattern")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--class", dest="class_", type=int, metavar="N", help="an output of the classifier, from 0")
    what.add_argument("--synset", metavar="WNID", help="a concept: its number in WordNet, or its name")
    parser.add_argument("--meta", type=Path, metavar="FILE", help="meta.mat of ILSVRC's development kit")
    parser.add_argument("--side", type=program.positive, metavar="N", help="scale the shorter side to N pixels")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights instead of build/<net>.caffemodel")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
