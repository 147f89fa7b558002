"""Train FCN-32s, -16s and -8s at full width on four real images, from convolutions tuned for edges."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Iterator, Sequence

from fcn_repro.datasets import PREPARE
from fcn_repro.datasets.file_readers import read_list
from fcn_repro.datasets.smoke import ROOT, SMOKE
from fcn_repro.datasets.voc import voc_files
from fcn_repro.drawing.image_sheet import save_png
from fcn_repro.drawing.palette import overlay_labels
from fcn_repro.evaluation.score_report import format_summary, headline, read_report
from fcn_repro.inference.segmenter import draw_stage_sheet
from fcn_repro.model.hed_weights import write_hed_vgg16
from fcn_repro.model.run_folder import RunFolder, classifier_weights
from fcn_repro.training.recipe import Recipe
from fcn_repro.training.trainer import solve
from solvers.emit import emit_experiment
from solvers.experiments import Experiment, Regime

INIT = "hed-vgg16"
ROUNDS = 3
# A summed loss as in the paper, at a rate that suits random fc layers and shows an effect within a few steps.
REGIME = Regime(momentum=0.9, iter_size=1, normalize=False)
STAGES = (("smoke-fcn32s", "vgg16-32s", 24), ("smoke-fcn16s", "vgg16-16s", 6), ("smoke-fcn8s", "vgg16-8s", 6))
BASE_LR = 1e-11


def train_stages(iterations: int | None, device: str) -> Iterator[str]:
    """Train every stage, for `iterations` or its own number of them; report its losses and scores.

    The last line is the path of the sheet of label maps.
    """
    PREPARE[SMOKE.name]()
    init = None
    for name, net, default in STAGES:
        steps = max((iterations or default) // ROUNDS, 1)
        length = ROUNDS * steps
        row = Experiment(name, net, SMOKE.name, INIT, REGIME, BASE_LR, (ROUNDS, steps), length, snapshot=steps)
        folder = RunFolder(name)
        emit_experiment(row)
        if init is None:
            init = classifier_weights(INIT)
            if not init.exists():
                write_hed_vgg16(folder.deploy, init)
        solve(folder, Recipe(*row.iterations, {"": init}, [SMOKE.class_names]), device=device)
        yield from report_losses(folder)
        shutil.rmtree(str(folder.snapshot_prefix.parent), ignore_errors=True)  # 1 GB each
        yield format_summary(read_report(folder.score))
        init = folder.final
    yield f"\n{draw_sheet([RunFolder(name) for name, _, _ in STAGES])}"


def report_losses(folder: RunFolder) -> Iterator[str]:
    """One line per round of a stage: the loss over all four images, without dropout."""
    for snapshot in folder.snapshots():
        if snapshot.score.exists():
            report = read_report(snapshot.score)
            score = headline(report)
            loss = score["loss"] * report["images"] / score["pixels"]
            yield f"{folder.experiment}: after {snapshot.iteration} iterations a loss of {loss:.4f} per pixel"


def draw_sheet(folders: Sequence[RunFolder]) -> Path:
    """Draw every image beside its label map and the prediction of each stage."""
    items = read_list(ROOT / "ImageSets" / "Segmentation" / "val.txt")
    out = folders[-1].images / "sheet.png"
    save_png(out, draw_stage_sheet(folders, [voc_files(ROOT, item) for item in items], overlay_labels))
    return out
