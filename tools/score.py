"""Score weights on an experiment's validation split: its own final weights, or any others of the same net.

    python -m tools.score voc-fcn8s
    python -m tools.score voc-fcn8s --weights data/downloads/fcn8s-heavy-pascal.caffemodel --pictures
    torchrun --standalone --nproc-per-node 2 -m tools.score voc-fcn8s           in two processes (docs/ranks.md)

Reads    build/<experiment>/val.prototxt, the weights, the split's images and labels
Writes   build/<experiment>/score.json, or NAME.score.json for weights of another NAME; with --images, which scores a
         part of the split, nothing; with --pictures, build/<experiment>/pictures/NAME/
Exit     0 scored · 2 bad arguments · 3 data or weights missing
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro import datasets, engine, ranks
from fcn_repro.datasets.base import data_layer
from fcn_repro.evaluation.evaluate import seg_tests
from fcn_repro.evaluation.score_report import build_report, origin, read_report, summary, write_report
from fcn_repro.model import surgery
from fcn_repro.model.loss_heads import heads
from fcn_repro.model.run_folder import RunFolder
from solvers.experiments import EXPERIMENTS, Experiment
from tools import program


def main(options: argparse.Namespace) -> None:
    row, folder = EXPERIMENTS[options.experiment], RunFolder(options.experiment)
    weights = program.weights(folder, options.weights)
    where = program.take_part(options.gpu)
    datasets.register()
    net = surgery.load(folder.val, weights)
    pictures = folder.pictures / weights.stem if options.pictures else None
    scores = seg_tests(net, heads(folder.val), options.images, pictures)
    if not ranks.is_root():
        return
    path = folder.score if weights == folder.final else folder.score_of(weights.stem)
    layer = data_layer(net)
    facts = {
        **_known(path, row, origin(weights)),
        "split": layer.options["split"],
        "images": options.images or len(layer.items),
        "engine": engine.title,
        "device": where,
    }
    report = build_report(facts, scores, list(datasets.DATASETS[row.data].heads.values()))
    print(summary(report))
    if options.images is None:
        write_report(path, report)


def _known(path: Path, row: Experiment, weights: dict) -> dict:
    """What is known of how these weights came to be: what an earlier report says, if they are the same."""
    before = read_report(path) if path.exists() else {}
    if before.get("weights") == weights:
        return before
    rounds, steps = row.iterations
    unknown = {"iteration": None, "trained": None, "recipe": rounds * steps, "shortened": False}
    return {"experiment": row.name, **unknown, "weights": weights}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--weights", type=Path, metavar="FILE", help="score these in place of the final ones")
    parser.add_argument("--images", type=program.positive, metavar="N", help="only the first N of the split")
    parser.add_argument("--pictures", action="store_true", help="keep the predicted label maps")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
