"""Label images of any size with a trained net.

    python -m tools.infer voc-fcn8s photo.jpg more/*.jpg

Reads    build/<experiment>/deploy.prototxt, build/<experiment>/final.caffemodel or --weights
Writes   build/<experiment>/pictures/NAME.png, a label map in VOC's palette, and NAME-overlay.png; --out another folder
Exit     0 labelled · 2 bad arguments · 3 weights or images missing
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from fcn_repro import device
from fcn_repro.datasets import DATASETS
from fcn_repro.folder import RunFolder
from fcn_repro.infer import infer
from fcn_repro.palette import overlay, save_label
from fcn_repro.pictures import save
from fcn_repro.surgery import load
from solvers.experiments import EXPERIMENTS
from tools import program


def main(options: argparse.Namespace) -> None:
    data, folder = DATASETS[EXPERIMENTS[options.experiment].data], RunFolder(options.experiment)
    device.choose(options.gpu)
    net = load(folder.deploy, program.weights(folder, options.weights))
    out = options.out or folder.pictures
    for path in options.images:
        image = program.photograph(path)
        label_hw = infer(net, image, data.mean_bgr)
        save_label(out / f"{path.stem}.png", label_hw)
        save(out / f"{path.stem}-overlay.png", overlay(image, label_hw))
        classes, pixels = np.unique(label_hw, return_counts=True)
        shares = ", ".join(f"{data.class_names[i]} {n / label_hw.size:.1%}" for i, n in zip(classes, pixels))
        print(f"{out / path.stem}.png: {shares}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("images", nargs="+", type=Path, metavar="image")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="label with these in place of the final ones")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
