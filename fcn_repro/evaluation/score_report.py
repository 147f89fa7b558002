"""score.json: a score, and all that is needed to know what was scored and to score it again."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from fcn_repro.errors import DataError
from fcn_repro.evaluation import class_subsets, metrics
from fcn_repro.system.atomic_write import atomic_write

if TYPE_CHECKING:  # reading a report needs no engine
    from fcn_repro.evaluation.evaluate import Score


def build_report(
    facts: Mapping[str, object], scores: Mapping[str, Score], class_names: Sequence[Sequence[str]]
) -> dict:
    """`facts` about the run, this checkout's commit, and a score per head.

    `class_names` has the names for each head in order; where there are none, classes are numbered. Metrics are
    fractions from 0 to 1, null where undefined; `mean_iu_reference` is explained in `fcn_repro.evaluation.metrics`, the ways of
    counting `subsets` in `fcn_repro.evaluation.class_subsets`.
    """
    named = zip(scores.items(), [*class_names, *[()] * len(scores)])
    return {**facts, "commit": commit(), "scores": {head: _cells(score, names) for (head, score), names in named}}


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report whole or not at all."""
    with atomic_write(path) as file:
        json.dump(report, file, indent=1)


def read_report(path: Path) -> dict:
    """What was written."""
    return json.loads(path.read_text(encoding="utf-8"))


def checked_report(path: Path) -> dict:
    """What was written, perhaps by somebody else.

    Raises   DataError when it is not built like a report
    """
    try:
        report = read_report(path)
        fault = _fault(report)
    except (OSError, ValueError, RecursionError) as error:
        fault = str(error)
    if fault:
        raise DataError(f"{path}: no score report: {fault}. Remove it, or score again: python -m tools.score --help")
    return report


FACTS = {"experiment": str, "split": str, "engine": str, "device": str, "images": int, "shortened": bool}
MAYBE = {"trained": int, "recipe": int, "iteration": int, "chosen": str, "commit": str}  # or null, or left out


def _fault(report: Any) -> str | None:
    """What is wrong with a report that may be anything; None if it can be shown."""
    if not isinstance(report, dict):
        return f"{type(report).__name__}; expected an object"
    for field, kind in {**FACTS, **MAYBE}.items():
        value = report.get(field)
        if not isinstance(value, kind) and not (field in MAYBE and value is None):
            return f"{field} is {value!r}; expected {kind.__name__}"
    sources = [
        report.get("weights"),
        *(report["init"] if isinstance(report.get("init"), list) else [report.get("init")]),
    ]
    for source in filter(None, sources):
        if not (isinstance(source, dict) and all(isinstance(source.get(key), str) for key in ("file", "sha256"))):
            return f"weights {source!r}; expected a file and its sha256"
    if report["trained"] is None and not report.get("weights"):
        return "neither trained nor weights"
    scores = report.get("scores")
    if not (isinstance(scores, dict) and scores):
        return "no scores"
    return next(
        (f"{head}: {fault}" for head, fault in ((h, _score_fault(s)) for h, s in scores.items()) if fault), None
    )


def _score_fault(score: Any) -> str | None:
    try:
        numbers = [*(score[metric] for metric in metrics.METRICS), *(entry["iu"] for entry in score["classes"])]
        numbers += [
            value for ways in score.get("subsets", {}).values() for way in ways.values() for value in way.values()
        ]
        square = len(score["classes"])
        counted = all(len(row) == square and all(type(n) is int for n in row) for row in score["histogram"])
    except (KeyError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    if not all(value is None or type(value) in (int, float) for value in numbers):
        return "a metric is no number"
    if not counted or len(score["histogram"]) != square:
        return f"the histogram is not {square} x {square} counts"
    return None


def headline(report: Mapping[str, Any]) -> dict:
    """The score of a report's first head; nets have but one, save SIFT Flow's, whose second is geometry."""
    return next(iter(report["scores"].values()))


def summary(report: Mapping[str, Any]) -> str:
    """A line per head: the four metrics in percent."""
    return "\n".join(
        f"{report['experiment']} {head}, {report['images']} images of {report['split']}: "
        + ", ".join(f"{metric.replace('_', ' ')} {_percent(score[metric])}" for metric in metrics.METRICS)
        for head, score in report["scores"].items()
    )


def origin(path: Path) -> dict[str, str]:
    """A file of weights, and its digest: what a report tells of weights."""
    return {"file": str(path), "sha256": sha256(path)}


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def commit() -> str | None:
    """The git commit of this checkout, with "+" if files differ from it; None outside a repository."""
    describe = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--abbrev=40",
        "--exclude=*",
        "--dirty=+",
    ]
    try:
        git = subprocess.run(describe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return git.stdout.strip()


def _cells(score: Score, names: Sequence[str]) -> dict:
    names = names or [str(i) for i in range(len(score.hist))]
    accuracy, iu = metrics.class_accuracy(score.hist), metrics.class_iu(score.hist)
    return {
        **{metric: _number(score[metric]) for metric in metrics.METRICS},
        "mean_iu_reference": _number(metrics.mean_iu_reference(score.hist)),
        "classes_in_truth": int((score.hist.sum(1) > 0).sum()),
        "pixels": int(score.hist.sum()),
        "void_pixels": score.void,
        "loss": _number(score.loss),
        "classes": [
            {"name": name, "accuracy": _number(a), "iu": _number(u)} for name, a, u in zip(names, accuracy, iu)
        ],
        "histogram": score.hist.tolist(),
        "subsets": {
            name: {
                way: {metric: _number(value) for metric, value in values.items()}
                for way, values in class_subsets.scores(score.hist, subset).items()
            }
            for name, subset in score.subsets.items()
        },
    }


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def _percent(fraction: float | None) -> str:
    return "undefined" if fraction is None else f"{100 * fraction:.2f}"
