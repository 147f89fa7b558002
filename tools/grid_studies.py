"""The two side experiments that train nothing: what a coarse grid bounds, and what a denser one gains."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import Callable, Iterator, Sequence

import numpy as np

from fcn_repro import datasets
from fcn_repro.analysis import grid_upper_bound
from fcn_repro.analysis.dense_prediction import DenseNet
from fcn_repro.analysis.study_results import STUDIES, Found, percent
from fcn_repro.datasets.base import SegDataLayer
from fcn_repro.datasets.inspection import outside_a_net
from fcn_repro.evaluation import metrics
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model import dilated, surgery
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.progress import Progress
from nets import build
from solvers.experiments import EXPERIMENTS
from solvers.studies import Study
from tools import program

SPACINGS = (32, 16, 8)  # pixels between two scores of FCN-32s
SCORER = "score_fr"
MS = "forward_ms"


def bounded(study: Study, data: str) -> tuple[list[Found], list[str]]:
    """Mean IU of label maps made coarser by each factor, in each reading."""
    facts = datasets.DATASETS[data]
    layer = outside_a_net(facts.val)
    maps = (arrays[-1][0] for arrays in items(layer, "upper bounds"))
    hists = grid_upper_bound.bounds(maps, len(facts.class_names), facts.void)
    lines = [
        Found(f"factor {factor}", {name: percent(metrics.mean_iu(hist[factor])) for name, hist in hists.items()})
        for factor in grid_upper_bound.FACTORS
    ]
    return lines, [
        f"mean IU of {len(layer.items)} label maps of {layer.options['split']}, down by the factor and up again",
        "void takes the nearest label first, and is not scored; the paper does not say how it interpolates",
    ]


def densely(study: Study, data: str) -> tuple[list[Found], list[str]]:
    """FCN-32s with its scores at closer cells, beside its skips; and that stitching and dilating are one."""
    layer = outside_a_net(datasets.DATASETS[data].val)
    image = np.ascontiguousarray(layer.load(layer.items[0])[0])
    lines = [_trained(data, run, image) for run in study.needs]
    remarks = [
        "forward ms: of the first image, median of three. Runs interpolate inside the net; denser cells are "
        "interpolated outside it, over an image with a wider border"
    ]
    for spacing in SPACINGS:
        net = _dense(data, spacing)
        scores = _scores(net, layer, len(datasets.DATASETS[data].class_names))
        numbers = {**scores, MS: milliseconds(partial(net.label_map, image))}
        lines.append(Found(f"FCN-32s, a cell every {spacing} pixels", numbers, f"{data}-fcn32s"))
        if spacing < net.stride:
            began = time.monotonic()
            equal = net.equality(image)
            remarks.append(
                f"a cell every {spacing} pixels: {equal.passes} shifts, stitched, differ from the dilated net in none "
                f"of {equal.cells} cells by more than {equal.worst:.1e} standard deviations of the scores "
                f"({time.monotonic() - began:.1f} s for both)"
            )
    return lines, remarks


def items(layer: SegDataLayer, label: str) -> Iterator[Sequence[np.ndarray]]:
    """The arrays of every item of a layer's split, with a progress bar."""
    with Progress(len(layer.items), label) as progress:
        for item in layer.items:
            yield layer.load(item)
            progress.advance()


def milliseconds(call: Callable[[], object], times: int = 3) -> float:
    """How long a call takes: the median of some."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


def _trained(data: str, run: str, image: np.ndarray) -> Found:
    """The score of a run as it was trained, and the time that its deploy net takes."""
    folder = RunFolder(f"{data}-{run}")
    net = surgery.load(folder.deploy, program.weights(folder, None))
    report = read_report(folder.score)
    numbers = {name: percent(headline(report)[name]) for name in metrics.METRICS}
    numbers[MS] = milliseconds(lambda: dilated.scores(net, image))
    return Found(run.upper().replace("FCN", "FCN-").replace("S", "s"), numbers, folder.experiment, report["iteration"])


def _dense(data: str, spacing: int) -> DenseNet:
    row = EXPERIMENTS[f"{data}-fcn32s"]
    deploy = build(row.net, "deploy", datasets.DATASETS[row.data])
    return DenseNet(deploy, SCORER, RunFolder(row.name).final, spacing, STUDIES / f"{data}-dense")


def _scores(net: DenseNet, layer: SegDataLayer, classes: int) -> dict[str, float | None]:
    """The four metrics over a split, in percent."""
    hist = np.zeros((classes, classes), np.int64)
    for image, label in items(layer, f"a cell every {net.spacing} pixels"):
        hist += metrics.histogram(label[0], net.label_map(np.ascontiguousarray(image)), classes)
    return {name: percent(metric(hist)) for name, metric in metrics.METRICS.items()}
