"""The papers' side experiments: one row per question, with the runs that answer it.

    python3 -m solvers.studies            the names of all studies
    python3 -m solvers.studies --rules    the runs that each needs on each data set, as rules for make

A study has lines, each with a run of the table of experiments: fcn32s is mini-fcn32s on the mini data, voc-fcn32s on
PASCAL VOC. The papers' numbers and statements are in data/paper/.

To add a study: a row.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Iterator

DATA = ("mini", "voc", "nyud")


@dataclass(frozen=True)
class Line:
    """One line of a study.

    label   the row of the study's table, or a description
    run     the run, without its data set
    mask    what scoring masks in the images, if training did not
    """

    label: str
    run: str
    mask: str = ""


@dataclass(frozen=True)
class Study:
    """One question.

    title      the question
    table      the file in data/paper with the papers' numbers, or empty
    findings   rows of data/paper/findings.csv: statements of the text
    lines      the compared runs; none where the answer is computed (`solvers.grid_studies`)
    needs      the runs that a computed answer needs, without their data set
    equal      the budget that all lines share: "images" or "iterations". Of runs with the same start, a longer one is
               read where the shortest ends. Empty: the end of every run
    data       its data sets
    """

    title: str
    lines: tuple[Line, ...] = ()
    table: str = ""
    findings: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    equal: str = "images"
    data: tuple[str, ...] = ("mini", "voc")


STUDIES = {
    "upper-bounds": Study("How well can predictions on a coarse grid do?", table="upper-bounds"),
    "shift-and-stitch": Study(
        "What do denser scores of the same net gain, and cost?",
        findings=("Shift-and-stitch",),
        needs=("fcn32s", "fcn16s", "fcn8s"),
    ),
    "skips": Study(
        "What do skips, truncation, and training only the last layer achieve?",
        (
            Line("FCN-32s", "fcn32s"),
            Line("FCN-16s", "fcn16s"),
            Line("FCN-8s at-once", "fcn8s-atonce"),
            Line("FCN-8s staged", "fcn8s"),
            Line("FCN-32s fixed", "fcn32s-fixed"),
            Line("FCN-pool5", "fcn-pool5"),
            Line("FCN-pool4", "fcn-pool4"),
            Line("FCN-pool3", "fcn-pool3"),
        ),
        "skips-pami",
        ("Classifier layer alone", "Classifier layer alone (PAMI)", "pool4 alone"),
    ),
    "optimisation": Study(
        "Few updates of many images, many of one, or many with momentum?",
        (
            Line("FCN-accum", "fcn32s-accum"),
            Line("FCN-online", "fcn32s-online"),
            Line("FCN-heavy", "fcn32s"),
        ),
        "optimisation",
    ),
    "momentum": Study(
        "Does momentum p at batch size k train like p^(1/k) at batch size 1?",
        (Line("batch 20, momentum 0.9", "fcn32s-accum"), Line("batch 1, momentum 0.9^(1/20)", "fcn32s-equal")),
        findings=("Momentum and batch size",),
    ),
    "initialisation": Study(
        "Should score layers start at zero?",
        (Line("zeros", "fcn32s"), Line("random, standard deviation 0.01", "fcn32s-random")),
        findings=("Scorer initialisation",),
    ),
    "dropout": Study(
        "Does dropout in fc6 and fc7 help?",
        (Line("dropout 0.5", "fcn32s"), Line("no dropout", "fcn32s-nodropout")),
        findings=("Dropout", "Dropout (PAMI)"),
    ),
    "heads": Study(
        "Is one net of two heads as good as two nets?",
        (
            Line("two heads", "fcn32s-sem-geo"),
            Line("semantic classes alone", "fcn32s-sem"),
            Line("geometric classes alone", "fcn32s-geo"),
        ),
        findings=("Two heads on SIFT Flow",),
        data=("mini",),
    ),
    "trunks": Study(
        "Are 19 layers better than 16, and is GoogLeNet better without its last pooling?",
        (
            Line("VGG-16", "fcn32s-cvpr"),
            Line("VGG-19", "fcn32s-vgg19"),
            Line("GoogLeNet", "fcn-googlenet"),
            Line("GoogLeNet with its last pooling", "fcn-googlenet-pooled"),
        ),
        findings=("VGG-19", "GoogLeNet's last pooling"),
        data=("voc",),
    ),
    "stride": Study(
        "Does a pool5 that does not subsample help?",
        (Line("pool5 at stride 2", "fcn32s"), Line("pool5 at stride 1", "fcn16s-pool5s1")),
        findings=("pool5 at stride 1",),
    ),
    "fusion": Study(
        "Should skips be added, or the larger score be taken?",
        (Line("sum", "fcn16s"), Line("maximum", "fcn16s-max")),
        findings=("Max fusion",),
    ),
    "upsampling": Study(
        "Should interpolation be trained?",
        (Line("fixed, bilinear", "fcn32s"), Line("learnt, from bilinear", "fcn32s-learned")),
        findings=("Learned upsampling",),
    ),
    "sampling": Study(
        "Whole images, or a part of the cells of more images?",
        (
            Line("p = 1", "fcn32s"),
            Line("p = 0.5", "fcn32s-half"),
            Line("p = 0.25", "fcn32s-quarter"),
        ),
        findings=("Patch sampling",),
        equal="iterations",
    ),
    "balancing": Study(
        "Should background count less?",
        (Line("every pixel", "fcn32s"), Line("a third of the background", "fcn32s-balanced")),
        findings=("Class balancing",),
    ),
    "augmentation": Study(
        "Do mirroring and jitter help?",
        (Line("images as they are", "fcn32s"), Line("mirrored, moved by up to 32 pixels", "fcn32s-mirrored")),
        findings=("Mirroring and jitter",),
    ),
    "cues": Study(
        "Do nets see the objects, what is around them, or their outlines?",
        (
            Line("Reference", "fcn32s"),
            Line("Reference-FG", "fcn32s", mask="background"),
            Line("Reference-BG", "fcn32s", mask="foreground"),
            Line("FG-only", "fcn32s-foreground"),
            Line("BG-only", "fcn32s-background"),
            Line("Shape", "fcn32s-shape"),
        ),
        "cues",
        equal="",
    ),
    "depth": Study(
        "What does depth add to colour, in one trunk or in two?",
        (
            Line("FCN-32s RGB", "fcn32s-color"),
            Line("FCN-32s RGB-D", "fcn32s-color-d"),
            Line("FCN-32s HHA", "fcn32s-hha"),
            Line("FCN-32s RGB-HHA", "fcn32s-color-hha"),
        ),
        "nyud-cvpr",
        data=("mini", "nyud"),
    ),
}


def runs(study: str, data: str) -> list[str]:
    """The runs that a study needs on a data set, each once."""
    needs = [line.run for line in STUDIES[study].lines] + list(STUDIES[study].needs)
    return [f"{data}-{run}" for run in dict.fromkeys(needs)]


def rules() -> Iterator[str]:
    """GNU make rules without recipes: the runs that each study needs on each data set; none where it is not made."""
    for study, row in STUDIES.items():
        for data in DATA:
            target = f"runs-of/{data}/{study}"
            yield f".PHONY: {target}"
            needs = [f"data-{data}", *runs(study, data)] if data in row.data else []
            yield f"{target}: {' '.join(needs)}"


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--rules"]):
        sys.stderr.write(f"{__doc__}\nfound: {' '.join(sys.argv[1:])}\n")
        sys.exit(2)
    sys.stdout.write("".join(f"{line}\n" for line in (rules() if sys.argv[1:] else STUDIES)))
