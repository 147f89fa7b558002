"""Label PASCAL VOC's test images and pack them for its evaluation server.

    python -m tools.submit voc-fcn8s
    python -m tools.submit voc-fcn8s --voc data/pascal/VOC2011      the test of 2011
    python -m tools.submit voc-fcn8s --check                        only check and pack existing label maps

Every label map is checked before packing: one for each image of the split, of its size, an indexed PNG in VOC's
palette, values 0 to 20. An interrupted run resumes; label maps of other weights are replaced.
VOC distributes its test images to registered users, so this was tested on trees of the same layout.

Reads    build/<experiment>/, --weights instead of its final.caffemodel; the images and the list of --voc
Writes   build/<experiment>/submission/results/VOC2012/Segmentation/comp6_test_cls/ID.png and, beside results, a .tar.gz
Exit     0 packed · 1 the experiment has other classes than VOC · 2 bad arguments · 3 images, label maps or weights
         are missing or invalid · 130 stopped
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.datasets import DATASETS
from fcn_repro.datasets.voc import CLASS_NAMES
from fcn_repro.evaluation.score_report import sha256
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.inference.voc_submission import Submission
from fcn_repro.model.run_folder import RunFolder
from solvers.emit import emit_experiment
from solvers.experiments import EXPERIMENTS
from tools import program


def main(options: argparse.Namespace) -> None:
    row = EXPERIMENTS[options.experiment]
    names = DATASETS[row.data].class_names
    if names != CLASS_NAMES:
        raise ValueError(f"{row.name}: got {len(names)} classes, expected the {len(CLASS_NAMES)} of PASCAL VOC")
    folder = RunFolder(row.name)
    submission = Submission(folder.path / "submission", options.voc, options.split, options.competition)
    submission.read_ids()  # fails before a net is loaded
    if not options.check:
        emit_experiment(row)
        segmenter = Segmenter(row.name, options.weights, gpu=options.gpu)
        submission.prepare(sha256(segmenter.weights))
        submission.write(segmenter)
    images = submission.check()
    print(f"{submission.pack()}: {images} label maps, in {submission.folder.relative_to(submission.root)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    where = "VOC's folder of a year, named after the year (default: %(default)s)"
    parser.add_argument("--voc", type=Path, default=Path("data/pascal/VOC2012"), metavar="FOLDER", help=where)
    parser.add_argument("--split", default="test", metavar="NAME", help="the split to label (default: %(default)s)")
    which = "5: trained on VOC only; 6: trained on other images too, as all runs here (default)"
    parser.add_argument("--competition", type=int, choices=(5, 6), default=6, help=which)
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights instead of the final ones")
    parser.add_argument("--check", action="store_true", help="label nothing; check and pack existing label maps")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
