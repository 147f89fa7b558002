"""The two side experiments that need no training: the bound of a coarse grid, and the gain of a denser one."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import Callable, Iterator, Sequence

import numpy as np

from fcn_repro import datasets
from fcn_repro.analysis import grid_upper_bound
from fcn_repro.analysis.dense_prediction import DenseNet
from fcn_repro.analysis.study_results import STUDIES, StudyLine, to_percent
from fcn_repro.datasets.data_layer import SegDataLayer, open_data_layer
from fcn_repro.evaluation import metrics
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model import dilated, surgery
from fcn_repro.model.find_weights import find_weights
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.progress import Progress
from nets import build
from solvers.experiments import EXPERIMENTS
from solvers.studies import Study

STRIDES = (32, 16, 8)  # pixels between two scores of FCN-32s
SCORER = "score_fr"
MS = "forward_ms"


def bound_by_grid(study: Study, data: str) -> tuple[list[StudyLine], list[str]]:
    """Mean IU of label maps at each coarser resolution, in each reading of the paper; `mean_iu` is the studied one."""
    data_set = datasets.DATASETS[data]
    layer = open_data_layer(data_set.val)
    maps = (arrays[-1][0] for arrays in load_items(layer, "upper bounds"))
    hists = grid_upper_bound.count_confusions(maps, len(data_set.class_names), data_set.void)
    lines = [
        StudyLine(f"factor {factor}", {name: to_percent(metrics.mean_iu(hist[factor])) for name, hist in hists.items()})
        for factor in grid_upper_bound.FACTORS
    ]
    return lines, [
        f"mean IU of {len(layer.items)} label maps of {layer.options['split']}, down by the factor and up again",
        "mean iu: void is background; round(side / factor) cells per class, antialiased bilinear; enlarged bilinearly",
        "the next four change one choice of it; in the last six void takes the nearest label. Void is never scored",
    ]


def compare_dense_grids(study: Study, data: str) -> tuple[list[StudyLine], list[str]]:
    """Compare FCN-32s at finer strides with its skips, and check that stitched shifts equal the dilated net."""
    data_set = datasets.DATASETS[data]
    layer = open_data_layer(data_set.val)
    image = np.ascontiguousarray(layer.load(layer.items[0])[0])
    lines = [_measure_run(data, run, image) for run in study.needs]
    remarks = [
        "forward ms: of the first image, median of three. Runs interpolate inside the net; denser cells are "
        "interpolated outside it, over an image with a wider border"
    ]
    row = EXPERIMENTS[f"{data}-fcn32s"]
    for stride in STRIDES:
        deploy = build(row.net, "deploy", data_set)
        net = DenseNet(deploy, SCORER, RunFolder(row.name).final, stride, STUDIES / f"{data}-dense")
        scores = _score_dense(net, layer, len(data_set.class_names), f"a cell every {stride} pixels")
        numbers = {**scores, MS: time_ms(partial(net.predict_labels, image))}
        lines.append(StudyLine(f"FCN-32s, a cell every {stride} pixels", numbers, row.name))
        if stride < net.stride:
            start = time.monotonic()
            equal = net.compare_with_stitching(image)
            remarks.append(
                f"a cell every {stride} pixels: {equal.passes} shifts, stitched, differ from the dilated net in none "
                f"of {equal.cells} cells by more than {equal.worst:.1e} standard deviations of the scores "
                f"({time.monotonic() - start:.1f} s for both)"
            )
    return lines, remarks


def load_items(layer: SegDataLayer, label: str) -> Iterator[Sequence[np.ndarray]]:
    """The arrays of every item of a layer's split, with a progress bar."""
    with Progress(len(layer.items), label) as progress:
        for item in layer.items:
            yield layer.load(item)
            progress.advance()


def time_ms(call: Callable[[], object], repeats: int = 3) -> float:
    """The median duration of a call, in milliseconds."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


def _measure_run(data: str, run: str, image: np.ndarray) -> StudyLine:
    """The score of a run, and the duration of a forward pass of its deploy net."""
    folder = RunFolder(f"{data}-{run}")
    net = surgery.load(folder.deploy, find_weights(folder))
    report = read_report(folder.score)
    numbers = {name: to_percent(headline(report)[name]) for name in metrics.METRICS}
    numbers[MS] = time_ms(lambda: dilated.compute_scores(net, image))
    return StudyLine(
        run.upper().replace("FCN", "FCN-").replace("S", "s"), numbers, folder.experiment, report["iteration"]
    )


def _score_dense(net: DenseNet, layer: SegDataLayer, classes: int, label: str) -> dict[str, float | None]:
    """The four metrics over a split, in percent."""
    hist = np.zeros((classes, classes), np.int64)
    for image, truth in load_items(layer, label):
        hist += metrics.histogram(truth[0], net.predict_labels(np.ascontiguousarray(image)), classes)
    return {name: to_percent(metric(hist)) for name, metric in metrics.METRICS.items()}
