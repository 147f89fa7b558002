"""Print the results of the nets trained on real images from the convolutions of a package, and draw their labels.

    make real-voc                                    train them on VOC 2012's own train images, then run this program
    make real-voc REAL_VOC=folder                    the same on a folder in VOC's layout, a part of VOC for example
    python -m tools.real_voc voc2012                 only print and draw
    python -m tools.real_voc real-voc --sheet 20     the first 20 images of the scored split

The nets are the paper's at full width. The start is another one than the paper's (docs/real-data.md), so these scores
are no results of the paper.

Reads    build/<data>-fcn{32s,16s,8s}-hed*/{score.json,log.csv,final.caffemodel}, the scored images
Writes   build/<data>-fcn8s-hed/pictures/sheet.png
Exit     0 printed · 2 bad arguments · 3 a run is not trained, or data missing
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro.datasets import DATASETS
from fcn_repro.system.text_table import format_table
from solvers.real_voc import MANY_IMAGES, count_images, draw_sheet, list_runs, tabulate_classes, tabulate_scores
from tools import program

SETS = ("background, animals, person", f"classes of {MANY_IMAGES} images", "all classes")


def main(options: argparse.Namespace) -> None:
    images = count_images(DATASETS[options.data])
    headers = ("mean IU in percent", *SETS, "pixel accuracy", "updates", "minutes")
    print(format_table(tabulate_scores(options.data, images), headers, options.format))
    columns = ("IU in percent", "images", *list_runs(options.data))
    print(f"\n{format_table(tabulate_classes(options.data, images), columns, options.format)}")
    if options.sheet:
        print(f"\n{draw_sheet(options.data, options.sheet)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=DATASETS, metavar="DATA", help="voc2012, or the name of a registered folder")
    parser.add_argument("--sheet", type=int, default=8, metavar="N", help="images to draw; 0: none; default: 8")
    program.add_format(parser)
    sys.exit(program.run(main, parser.parse_args()))
