"""score.json: a score, with the facts needed to identify and repeat it. Reading a report needs no engine."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from fcn_repro.errors import DataError
from fcn_repro.evaluation import class_subsets, metrics
from fcn_repro.model.weights_origin import ELSEWHERE, read_origin, sha256
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.json_note import describe_mismatch, read_note

if TYPE_CHECKING:
    from fcn_repro.evaluation.evaluate import Score

METRIC = (float, None)
SOURCE = {"file": str, "sha256": str, "origin": (str, None)}  # of weights
SCORE = {
    **dict.fromkeys(metrics.METRICS, METRIC),
    "classes": [{"iu": METRIC}],
    "histogram": [[int]],
    "subsets": ({str: {str: {str: METRIC}}}, None),
}
FIELDS = {
    "experiment": str,
    "split": str,
    "engine": str,
    "device": str,
    "images": int,
    "shortened": bool,
    "trained": (int, None),
    "recipe": (int, None),
    "iteration": (int, None),
    "chosen": (str, None),
    "commit": (str, None),
    "weights": (SOURCE, None),
    "init": ([SOURCE], SOURCE, None),
    "scores": {str: SCORE},
}
FIX = "remove it, or score again (python -m tools.score --help)"


def build_report(
    facts: Mapping[str, object], scores: Mapping[str, Score], class_names: Sequence[Sequence[str]]
) -> dict:
    """Build a report: `facts` about the run, this checkout's commit, and a score per head.

    `class_names` lists the names for each head in order; classes without names are numbered. Metrics are fractions
    from 0 to 1, null where undefined. For `mean_iu_reference` see `fcn_repro.evaluation.metrics`, for `subsets`
    `fcn_repro.evaluation.class_subsets`.
    """
    named = zip(scores.items(), [*class_names, *[()] * len(scores)])
    cells = {head: _describe_score(score, names) for (head, score), names in named}
    return {**facts, "commit": read_commit(), "scores": cells}


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report atomically."""
    with atomic_write(path) as file:
        json.dump(report, file, indent=1)


def read_report(path: Path) -> dict:
    """Read a report that this project wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_untrusted_report(path: Path) -> dict:
    """Read a report from anywhere, and check its fields.

    Raises   DataError for an invalid report
    """
    report = read_note(path, FIELDS, FIX, DataError)
    if report["trained"] is None and not report["weights"]:
        raise DataError(describe_mismatch(path, "weights", None, "a file, or trained iterations", FIX))
    if not report["scores"]:
        raise DataError(describe_mismatch(path, "scores", {}, "a score per head", FIX))
    for head, score in report["scores"].items():
        classes, sides = len(score["classes"]), {len(score["histogram"]), *map(len, score["histogram"])}
        if sides != {classes}:
            expected = f"{classes} x {classes} counts"
            raise DataError(describe_mismatch(path, f"scores.{head}.histogram", score["histogram"], expected, FIX))
    return report


def headline(report: Mapping[str, Any]) -> dict:
    """The score of a report's first head. Only SIFT Flow's nets have a second one, for geometry."""
    return next(iter(report["scores"].values()))


def format_summary(report: Mapping[str, Any]) -> str:
    """A line per head: the four metrics in percent; then a line per origin of imported weights."""
    lines = [
        f"{report['experiment']} {head}, {report['images']} images of {report['split']}: "
        + ", ".join(f"{metric.replace('_', ' ')} {_format_percent(score[metric])}" for metric in metrics.METRICS)
        for head, score in report["scores"].items()
    ]
    return "\n".join([*lines, *list_origins(report)])


def list_origins(report: Mapping[str, Any]) -> list[str]:
    """Where the weights, or those that training started from, come from, if not from the reference's caffemodels."""
    init = report.get("init") or []
    sources = [report.get("weights") or {}, *(init if isinstance(init, list) else [init])]
    return list(dict.fromkeys(source["origin"] for source in sources if source.get("origin")))


def is_trained_elsewhere(report: Mapping[str, Any]) -> bool:
    """Whether another program trained the weights, or those that training started from."""
    return any(origin.startswith(ELSEWHERE) for origin in list_origins(report))


def describe_weights(path: Path) -> dict[str, str]:
    """A report's entry about a file of weights: its path, its digest, and its origin if it is an imported one."""
    digest = sha256(path)
    origin = read_origin(path, digest)
    return {"file": str(path), "sha256": digest, **({"origin": str(origin)} if origin else {})}


def read_commit() -> str | None:
    """The git commit of this checkout, with "+" if files differ from it; None outside a repository."""
    describe = ("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+")
    command = ["git", "-C", str(Path(__file__).parent), *describe]
    try:
        git = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return git.stdout.strip()


def _describe_score(score: Score, names: Sequence[str]) -> dict:
    names = names or [str(i) for i in range(len(score.hist))]
    accuracy, iu = metrics.class_accuracy(score.hist), metrics.class_iu(score.hist)
    return {
        **_replace_nan(metrics.compute_all(score.hist)),
        "mean_iu_reference": _finite(metrics.mean_iu_reference(score.hist)),
        "classes_in_truth": int((score.hist.sum(1) > 0).sum()),
        "pixels": int(score.hist.sum()),
        "void_pixels": score.void,
        "loss": _finite(score.loss),
        "classes": [
            {"name": name, "accuracy": _finite(a), "iu": _finite(u)} for name, a, u in zip(names, accuracy, iu)
        ],
        "histogram": score.hist.tolist(),
        "subsets": {
            name: {way: _replace_nan(values) for way, values in class_subsets.score_subset(score.hist, subset).items()}
            for name, subset in score.subsets.items()
        },
    }


def _replace_nan(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in values.items()}


def _finite(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def _format_percent(fraction: float | None) -> str:
    return "undefined" if fraction is None else f"{100 * fraction:.2f}"
