"""Compute the outcome of a side experiment: from finished runs, or by computation alone (`solvers.grid_studies`)."""

from __future__ import annotations

from typing import Iterator, Mapping, Sequence

import numpy as np

from fcn_repro import datasets
from fcn_repro.analysis.study_results import STUDIES as FOLDER
from fcn_repro.analysis.study_results import (
    StudyLine,
    StudyResult,
    find_paper_table,
    find_statements,
    read_run,
    to_percent,
    write_study,
)
from fcn_repro.evaluation import class_subsets, metrics
from fcn_repro.evaluation.evaluate import score_net
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model import surgery
from fcn_repro.model.find_weights import find_weights
from fcn_repro.model.loss_heads import read_heads
from fcn_repro.model.run_folder import RunFolder
from nets import build
from solvers.emit import vary_data_set, write_message
from solvers.experiments import EXPERIMENTS
from solvers.grid_studies import bound_by_grid, compare_dense_grids
from solvers.studies import STUDIES, Line, Study

WITHOUT_BACKGROUND, PIXELS_LEFT_OUT = "mean_iu_without_background", "background_pixels_left_out"


def make_studies(names: Sequence[str], data: str) -> Iterator[StudyResult]:
    """Compute studies on a data set and write each to build/studies/.

    Raises   ValueError for a study that is not made on this data set; DataError if a run is not trained yet
    """
    datasets.register()
    for name in names:
        study = STUDIES[name]
        if data not in study.data:
            raise ValueError(f"{name} is not made on {data}; expected one of {', '.join(study.data)}")
        lines, remarks = COMPUTED.get(name, compare_runs)(study, data)
        paper = find_paper_table(study.table), find_statements(study.findings)
        outcome = StudyResult(name, study.title, data, lines, *paper, remarks)
        write_study(outcome)
        yield outcome


def compare_runs(study: Study, data: str) -> tuple[list[StudyLine], list[str]]:
    """Compare a study's runs, each at the end of the shortest run that has the same start."""
    reports = {line.run: _read_score(data, line.run) for line in study.lines}
    lines = [
        read_run(f"{data}-{line.run}", line.label, _last_iteration(study, line, reports, data)) for line in study.lines
    ]
    return lines, ["loss: nats per scored pixel, mean over the last 100 iterations; seconds: of training"]


def compare_cues(study: Study, data: str) -> tuple[list[StudyLine], list[str]]:
    """Compare the mean IU of all classes but background, with parts of the images masked, in both readings."""
    lines = []
    for line in study.lines:
        report = _read_score(data, line.run)
        hist = _score_masked(data, line) if line.mask else np.array(headline(report)["histogram"])
        classes = tuple(range(1, len(hist)))
        numbers = {
            WITHOUT_BACKGROUND: to_percent(metrics.mean_iu(hist, classes)),
            PIXELS_LEFT_OUT: to_percent(metrics.mean_iu(class_subsets.select_truth(hist, classes), classes)),
        }
        lines.append(
            StudyLine(line.label, numbers, f"{data}-{line.run}", report["iteration"], bool(report["shortened"]))
        )
    return lines, [
        "mean iu without background: the mean leaves background out; objects predicted there count as errors",
        "background pixels left out: background pixels are not scored. The paper does not define which it means",
        "masked pixels are the mean pixel; where all are masked, the foreground is 128 levels above it",
    ]


COMPUTED = {"upper-bounds": bound_by_grid, "shift-and-stitch": compare_dense_grids, "cues": compare_cues}


def _read_score(data: str, run: str) -> dict:
    folder = RunFolder(f"{data}-{run}")
    find_weights(folder)
    return read_report(folder.score)


def _last_iteration(study: Study, line: Line, reports: Mapping[str, dict], data: str) -> int:
    """The iteration where a line has used the budget of the shortest run among those that start where it does."""
    rows = {run: EXPERIMENTS[f"{data}-{run}"] for run in reports}
    cost = {run: row.regime.iter_size if study.equal == "images" else 1 for run, row in rows.items()}
    same_start = [run for run, row in rows.items() if row.sources == rows[line.run].sources]
    return min(reports[run]["trained"] * cost[run] for run in same_start) // cost[line.run]


def _score_masked(data: str, line: Line) -> np.ndarray:
    """The histogram of a run that is scored on partly masked images."""
    row = EXPERIMENTS[f"{data}-{line.run}"]
    prototxt = FOLDER / f"{row.name}-without-{line.mask}.prototxt"
    masked = vary_data_set(datasets.DATASETS[row.data], {}, {"mask": line.mask})
    write_message(prototxt, build(row.net, "val", masked, row.regime.normalize))
    net = surgery.load(prototxt, RunFolder(row.name).final)
    return next(iter(score_net(net, read_heads(prototxt)).values())).hist
