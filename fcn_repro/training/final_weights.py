"""The result of a run: its best scored weights, final.caffemodel, and their report, score.json."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Mapping

from fcn_repro.evaluation.score_report import describe_weights, read_report, sha256, write_report
from fcn_repro.model.run_folder import RunFolder, Snapshot
from fcn_repro.model.weights_origin import inherit_origin
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.training.checkpoint_files import list_scored, verify_checksum
from fcn_repro.training.recipe import Recipe

COPY_BYTES = 1 << 24

logger = logging.getLogger(__name__)


def is_trained(folder: RunFolder, iterations: int) -> bool:
    """Whether the folder holds final weights that were trained for at least this long."""
    if not (folder.final.exists() and folder.score.exists()):
        return False
    return (read_report(folder.score)["trained"] or 0) >= iterations


def warn_if_init_changed(folder: RunFolder, init: Mapping[str, Path]) -> None:
    """Log a warning if the initial weights of a finished run have changed since."""
    report = read_report(folder.score)
    if not isinstance(report["init"], list):
        return  # an older report of a net with a single source
    before = {source["suffix"]: source["sha256"] for source in report["init"]}
    for suffix, weights in init.items():
        if weights.exists() and sha256(weights) != before.get(suffix):
            logger.warning("%s was trained from other weights than %s is now", report["weights"]["file"], weights)


def export_best(folder: RunFolder, last: Snapshot, recipe: Recipe) -> None:
    """Copy the best intact scored snapshot, or else the last one, to final.caffemodel, and write its score.json.

    If the trunk was fixed, the snapshot lacks it: final.caffemodel holds both.
    """
    best = next(filter(verify_checksum, list_scored(folder)), last)
    if recipe.fixed:
        from fcn_repro.model.fixed_trunk import join_weights  # loads torch, which `is_trained` does without

        join_weights(folder.deploy, recipe.fixed, best.weights, folder.final)
    else:
        with open(best.weights, "rb") as source, atomic_write(folder.final, "wb") as target:
            shutil.copyfileobj(source, target, COPY_BYTES)
    inherit_origin(folder.final, recipe.init.values())
    report = read_report(best.score)
    report["trained"] = last.iteration
    report["chosen"] = f"the best mean IU on {report['split']} among the rounds' ends"
    report["weights"] = describe_weights(folder.final)
    report["init"] = [{"suffix": suffix, **describe_weights(path)} for suffix, path in recipe.init.items()]
    write_report(folder.score, report)
