"""Score weights on an experiment's validation split, and write the report."""

from __future__ import annotations

from pathlib import Path

from fcn_repro import datasets, engine, ranks
from fcn_repro.datasets.data_layer import find_data_layer
from fcn_repro.evaluation.evaluate import score_net
from fcn_repro.evaluation.score_report import build_report, describe_weights, read_report, write_report
from fcn_repro.model import surgery
from fcn_repro.model.loss_heads import read_heads
from fcn_repro.model.run_folder import RunFolder
from solvers.experiments import Experiment


def score_run(
    row: Experiment, weights: Path, device: str, images: int | None = None, pictures: bool = False
) -> dict | None:
    """Score weights of a row's net; the report, in the root rank alone.

    Parameters
        images     only the first so many of the split; the report is then not written
        pictures   keep the predicted label maps
    """
    folder = RunFolder(row.name)
    datasets.register()
    net = surgery.load(folder.val, weights)
    scores = score_net(net, read_heads(folder.val), images, folder.images / weights.stem if pictures else None)
    if not ranks.is_root():
        return None
    path = folder.score if weights == folder.final else folder.score_of(weights.stem)
    layer = find_data_layer(net)
    facts = {
        **_describe_weights(path, row, describe_weights(weights)),
        "split": layer.options["split"],
        "images": images or len(layer.items),
        "engine": engine.title,
        "device": device,
    }
    report = build_report(facts, scores, list(datasets.DATASETS[row.data].heads.values()))
    if images is None:
        write_report(path, report)
    return report


def _describe_weights(path: Path, row: Experiment, weights: dict) -> dict:
    """How these weights were trained: an earlier report's entries if it scored the same weights, else unknown."""
    before = read_report(path) if path.exists() else {}
    if before.get("weights") == weights:
        return before
    rounds, steps = row.iterations
    unknown = {"iteration": None, "trained": None, "recipe": rounds * steps, "shortened": False}
    return {"experiment": row.name, **unknown, "weights": weights}
