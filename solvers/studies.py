"""WHICH runs answer one question of the papers: their side experiments, a row each.

    python3 -m solvers.studies            the names of all studies
    python3 -m solvers.studies --rules    the runs that each waits for on each data set, as rules for make

A study has lines, each with a run of the table of experiments: fcn32s is mini-fcn32s on the mini data, voc-fcn32s on
PASCAL VOC. What the papers say stands in data/paper/, in the study's table and among the findings.

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

    label   the row of the study's table that it answers, or what is done
    run     the run, without its data set
    mask    what the images are hidden of when they are scored, if the run was not trained so
    """

    label: str
    run: str
    mask: str = ""


@dataclass(frozen=True)
class Study:
    """One question.

    title      what is asked
    table      the file in data/paper that has the papers' numbers, or empty
    findings   rows of data/paper/findings.csv: what the text says
    lines      the runs that are compared; none where the answer is computed (tools.study)
    needs      what it is computed from: runs, without their data set
    equal      of what all lines get equally much: "images" or "iterations". A run that starts where another does and
               goes on for longer is looked at where that one ends. Empty: every run's last word counts
    data       what it can be made on
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
        "What do skips, truncation, and training the last layer alone come to?",
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
    "stride": Study(
        "Does a pool5 that does not subsample help?",
        (Line("pool5 at stride 2", "fcn32s"), Line("pool5 at stride 1", "fcn16s-pool5s1")),
        findings=("pool5 at stride 1",),
    ),
    "fusion": Study(
        "Are skips to be added, or is the larger score to win?",
        (Line("sum", "fcn16s"), Line("maximum", "fcn16s-max")),
        findings=("Max fusion",),
    ),
    "upsampling": Study(
        "Is interpolation to be learnt?",
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
        "Is background to count less?",
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
    """The runs that a study waits for on a data set, each once."""
    needs = [line.run for line in STUDIES[study].lines] + list(STUDIES[study].needs)
    return [f"{data}-{run}" for run in dict.fromkeys(needs)]


def rules() -> Iterator[str]:
    """GNU make rules without recipes: what each study waits for on each data set."""
    for study, row in STUDIES.items():
        for data in row.data:
            target = f"runs-of/{data}/{study}"
            yield f".PHONY: {target}"
            yield f"{target}: {' '.join([f'data-{data}', *runs(study, data)])}"


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--rules"]):
        sys.stderr.write(f"{__doc__}\nfound: {' '.join(sys.argv[1:])}\n")
        sys.exit(2)
    sys.stdout.write("".join(f"{line}\n" for line in (rules() if sys.argv[1:] else STUDIES)))
