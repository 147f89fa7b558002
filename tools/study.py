"""Print what side experiments of the papers came to, the paper's row beside the measured one.

    python -m tools.study balancing                    on the mini data set
    python -m tools.study upper-bounds --data voc
    python -m tools.study --all

Training is done by make, which knows what a study waits for: make study-balancing DATA=voc. What trains nothing,
upper-bounds and shift-and-stitch, is computed here.

Reads    build/<run>/{score.json,log.csv} of the study's runs, data/paper/*.csv; the data set, where it computes
Writes   build/studies/<data>-<study>.{json,txt}
Exit     0 printed · 2 bad arguments · 3 a run is not trained yet, or data are missing
"""

from __future__ import annotations

import argparse
import sys
from typing import Mapping

import numpy as np

from fcn_repro import datasets, device
from fcn_repro.analysis.study_results import STUDIES as FOLDER
from fcn_repro.analysis.study_results import Found, Outcome, findings, found, paper_table, percent, printed, write
from fcn_repro.evaluation import class_subsets, metrics
from fcn_repro.evaluation.evaluate import seg_tests
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model import surgery
from fcn_repro.model.loss_heads import heads
from fcn_repro.model.run_folder import RunFolder
from nets import build
from solvers.experiments import EXPERIMENTS
from solvers.studies import DATA, STUDIES, Line, Study
from tools import emit, program
from tools.grid_studies import bounded, densely

WITHOUT, PIXELS = "mean_iu_without_background", "background_pixels_left_out"


def main(options: argparse.Namespace) -> None:
    device.choose(options.gpu)
    datasets.register()
    for name in [name for name in STUDIES if options.data in STUDIES[name].data] if options.all else options.studies:
        study = STUDIES[name]
        if options.data not in study.data:
            raise ValueError(f"{name} is not made on {options.data}; expected one of {', '.join(study.data)}")
        lines, remarks = COMPUTED.get(name, compared)(study, options.data)
        paper = paper_table(study.table), findings(study.findings)
        outcome = Outcome(name, study.title, options.data, lines, *paper, remarks)
        write(outcome)
        print("\n".join(["", *printed(outcome)]), flush=True)


def compared(study: Study, data: str) -> tuple[list[Found], list[str]]:
    """The runs of a study, each where the shortest of those with the same start ends."""
    reports = {line.run: _finished(data, line.run) for line in study.lines}
    lines = [found(f"{data}-{line.run}", line.label, _until(study, line, reports, data)) for line in study.lines]
    return lines, ["loss: nats per pixel that counts, mean over the last 100 iterations; seconds: of training"]


def cued(study: Study, data: str) -> tuple[list[Found], list[str]]:
    """Mean IU of all classes but background, with what is hidden when a run is scored, in both readings."""
    lines = []
    for line in study.lines:
        report = _finished(data, line.run)
        hist = _masked(data, line) if line.mask else np.array(headline(report)["histogram"])
        classes = tuple(range(1, len(hist)))
        numbers = {
            WITHOUT: percent(metrics.mean_iu(hist, classes)),
            PIXELS: percent(metrics.mean_iu(class_subsets.only(hist, classes), classes)),
        }
        lines.append(Found(line.label, numbers, f"{data}-{line.run}", report["iteration"], bool(report["shortened"])))
    return lines, [
        "mean iu without background: background is left out of the mean; what is seen in it counts against the net",
        "background pixels left out: they are not looked at. The paper does not say which of the two it means",
        "hidden pixels are the mean pixel; where all is hidden, the foreground is 128 levels above it",
    ]


COMPUTED = {"upper-bounds": bounded, "shift-and-stitch": densely, "cues": cued}


def _finished(data: str, run: str) -> dict:
    folder = RunFolder(f"{data}-{run}")
    program.weights(folder, None)  # refuses a run that is not trained yet
    return read_report(folder.score)


def _until(study: Study, line: Line, reports: Mapping[str, dict], data: str) -> int:
    """The iteration at which a line has had as much as each of those that start where it does."""
    rows = {run: EXPERIMENTS[f"{data}-{run}"] for run in reports}
    each = {run: row.regime.iter_size if study.equal == "images" else 1 for run, row in rows.items()}
    alike = [run for run, row in rows.items() if row.sources == rows[line.run].sources]
    return min(reports[run]["trained"] * each[run] for run in alike) // each[line.run]


def _masked(data: str, line: Line) -> np.ndarray:
    """The histogram of a run whose images are hidden in part when they are scored."""
    row = EXPERIMENTS[f"{data}-{line.run}"]
    prototxt = FOLDER / f"{row.name}-without-{line.mask}.prototxt"
    facts = emit.varied(datasets.DATASETS[row.data], {}, {"mask": line.mask})
    emit.write(prototxt, build(row.net, "val", facts, row.regime.normalize))
    net = surgery.load(prototxt, RunFolder(row.name).final)
    return next(iter(seg_tests(net, heads(prototxt)).values())).hist


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", choices=[*STUDIES, []], help=", ".join(STUDIES))
    parser.add_argument("--all", action="store_true", help="all there are")
    parser.add_argument("--data", choices=DATA, default="mini", help="on which data set; mini")
    program.add_gpu(parser)
    options = parser.parse_args()
    if bool(options.studies) == options.all:
        parser.error("give either studies or --all")
    sys.exit(program.run(main, options))
