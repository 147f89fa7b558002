"""The results of the nets that are trained on real images from a package's convolutions, stage by stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fcn_repro.datasets import DATASETS, register
from fcn_repro.datasets.data_layer import SegDataLayer, open_data_layer
from fcn_repro.datasets.data_set import DataSet, LayerSpec
from fcn_repro.drawing.image_sheet import make_sheet, save_png
from fcn_repro.drawing.palette import make_label_image
from fcn_repro.evaluation import metrics
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.model.find_weights import find_weights
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.progress import Progress
from fcn_repro.training import train_log
from fcn_repro.training.prediction_sheet import restore_image

STAGES = ("fcn32s-hed-narrow", "fcn32s-hed", "fcn16s-hed", "fcn8s-hed")  # after the name of the data set
DRAWN = STAGES[1:]
ANIMALS_AND_PERSON = ("background", "cat", "cow", "dog", "horse", "person", "sheep")
MANY_IMAGES = 30  # a class with fewer in the scored split has an IU that a few images decide
ROWS = 8  # images in the sheet


def list_runs(data: str) -> list[str]:
    """The runs of a data set in the order in which they start from each other."""
    return [f"{data}-{stage}" for stage in STAGES]


def count_images(data: DataSet) -> np.ndarray:
    """Count the images of the scored split that show each class: (classes,)."""
    layer, counts = open_scored_layer(data), np.zeros(len(data.class_names), int)
    with Progress(len(layer.items), "counting") as progress:
        for item in layer.items:
            shown = np.unique(layer.load(item)[-1]).astype(int)
            counts[shown[shown < len(counts)]] += 1
            progress.advance()
    return counts


def open_scored_layer(data: DataSet) -> SegDataLayer:
    """The data layer of the scored split."""
    register()
    return open_data_layer(LayerSpec(data.val.module, data.val.layer, data.val.params))


def tabulate_scores(data: str, images: np.ndarray) -> list[list[str]]:
    """A row per run: mean IU over three sets of classes, pixel accuracy, updates, and minutes of training.

    Raises   DataError if a run is not trained
    """
    names = DATASETS[data].class_names
    sets = [
        [names.index(name) for name in ANIMALS_AND_PERSON],
        [index for index, count in enumerate(images) if count >= MANY_IMAGES],
        None,
    ]
    rows = []
    for run in list_runs(data):
        hist = _read_histogram(run)
        log = train_log.read(RunFolder(run).log)
        seconds = [float(row["seconds"]) for row in log if row["seconds"]]
        means = [f"{100 * metrics.mean_iu(hist, classes):.2f}" for classes in sets]
        accuracy = f"{100 * metrics.pixel_accuracy(hist):.2f}"
        rows.append([run, *means, accuracy, log[-1]["iteration"], f"{seconds[-1] / 60:.0f}"])
    return rows


def tabulate_classes(data: str, images: np.ndarray) -> list[list[str]]:
    """A row per class of the scored images: its images, and its IU in every run in percent."""
    ius = [metrics.class_iu(_read_histogram(run)) for run in list_runs(data)]
    names = DATASETS[data].class_names
    return [
        [names[index], str(images[index]), *(f"{100 * iu[index]:.1f}" for iu in ius)]
        for index in np.flatnonzero(images)
    ]


def draw_sheet(data: str, rows: int = ROWS) -> Path:
    """Draw the first scored images beside their label maps and each stage's labels; return the file."""
    layer = open_scored_layer(DATASETS[data])
    folders = [RunFolder(f"{data}-{stage}") for stage in DRAWN]
    segmenters = [Segmenter(folder.path) for folder in folders]
    cells = []
    for item in layer.items[:rows]:
        blob, label = layer.load(item)
        image = restore_image(blob, layer.facts.mean_bgr)
        predicted = [make_label_image(segmenter(image)) for segmenter in segmenters]
        cells.append([image, make_label_image(label[0]), *predicted])
    out = folders[-1].images / "sheet.png"
    save_png(out, make_sheet(["image", "label map", *(folder.experiment for folder in folders)], cells))
    return out


def _read_histogram(run: str) -> np.ndarray:
    find_weights(RunFolder(run))
    return np.array(headline(read_report(RunFolder(run).score))["histogram"])
