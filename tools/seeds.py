"""Repeat the mini experiment with other random numbers, the classifier included, and say how much its scores vary.

    python -m tools.seeds 1 2 3

A seed decides the first weights, dropout, and the order of the images; the scenes stay the same. What was trained
already is not trained again, so further seeds can be added.

Writes   build/seeds/<seed>/<experiment>/
Exit     0 trained · 2 bad arguments · 3 data missing · 130 stopped
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import Sequence

from fcn_repro import device
from fcn_repro.datasets import DATASETS, PREPARE, DataSet
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model.run_folder import BUILD, CLASSIFIER_NETS, RunFolder, converted
from fcn_repro.model.surgery import convolutionalise
from fcn_repro.training import train_log
from fcn_repro.training.trainer import solve
from solvers.experiments import EXPERIMENTS, Experiment
from tools import program
from tools.emit import emit_classifier, emit_experiment
from tools.solve import recipe

CLASSIFIER, STAGES = "mini-vgg16", ("mini-fcn32s", "mini-fcn16s", "mini-fcn8s")
CONVOLUTIONAL = f"{CLASSIFIER}-fcn"


def main(options: argparse.Namespace) -> None:
    where = device.choose(options.gpu)
    PREPARE["mini"]()
    emit_classifier(CONVOLUTIONAL)
    for seed in options.seeds:
        place = BUILD / "seeds" / str(seed)
        train(replace(EXPERIMENTS[CLASSIFIER], seed=seed), place, where)
        dense = RunFolder(CLASSIFIER, place)
        fcn = converted(CONVOLUTIONAL, place)
        convolutionalise(dense.deploy, dense.final, RunFolder(CONVOLUTIONAL, CLASSIFIER_NETS).deploy, fcn)
        for stage in STAGES:
            train(replace(EXPERIMENTS[stage], seed=seed), place, where)
    print(f"mean and range over {len(options.seeds)} seeds, in percent; median pace")
    for name in (CLASSIFIER, *STAGES):
        print(spread([RunFolder(name, BUILD / "seeds" / str(seed)) for seed in options.seeds]))


def train(row: Experiment, place: Path, where: str) -> None:
    """Train a row, with its seed, in a place of its own."""
    facts = DATASETS[row.data]
    emit_experiment(row, place, seeded(facts, row.seed))
    solve(RunFolder(row.name, place), recipe(row, place), device=where)


def seeded(facts: DataSet, seed: int | None) -> DataSet:
    """A data set whose training images come in the order of another seed."""
    return replace(facts, train=replace(facts.train, params={**facts.train.params, "seed": seed}))


def spread(runs: Sequence[RunFolder]) -> str:
    """A line: for each metric the mean over some runs, the lowest and the highest."""
    cells = []
    for metric in METRICS:
        values = [100 * headline(read_report(run.score))[metric] for run in runs]
        cells.append(f"{metric.replace('_', ' ')} {statistics.mean(values):.1f} ({min(values):.1f}-{max(values):.1f})")
    paces = [row["images_per_s"] for run in runs for row in train_log.read(run.log)]
    pace = statistics.median(float(pace) for pace in paces if pace)
    return f"  {runs[0].experiment:12}" + "  ".join(cells) + f"  {pace:.3g} images/s"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="+", type=program.positive, metavar="seed")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
