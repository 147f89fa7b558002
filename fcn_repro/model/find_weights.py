"""Which net and which weights a program uses: given ones, a run's final ones, or those that the reference released."""

from __future__ import annotations

import logging
from pathlib import Path

from fcn_repro.datasets.download.fetch import fetch, read_catalogue
from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.paths import BUILD

log = logging.getLogger(__name__)


def find_model(model: str | Path) -> RunFolder:
    """Return the run folder of a model: any folder with a deploy.prototxt, or an experiment's name under build/.

    Raises   DataError if there is no deploy.prototxt
    """
    path = Path(model)
    folder = RunFolder(path.name, path.parent) if (path / "deploy.prototxt").is_file() else RunFolder(str(model), BUILD)
    if not folder.deploy.is_file():
        raise DataError(f"{folder.deploy}: missing. Fix: python -m tools.emit {folder.experiment}")
    return folder


def find_weights(folder: RunFolder, given: Path | None = None, allow_released: bool = False) -> Path:
    """Return `given`, else the run's final weights, else, if allowed, the released weights of the same name.

    Released weights are downloaded and verified.

    Raises   DataError if none of them exists
    """
    path, name = given or folder.final, folder.experiment
    if path.exists():
        return path
    if given or not allow_released or name not in read_catalogue():
        raise DataError(f"{path}: missing. Fix: make {name}, or give other weights: --weights FILE")
    log.info("%s is missing: using the weights that the reference released as %s", path, name)
    return fetch(name)
