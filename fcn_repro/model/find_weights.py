"""Which net and which weights a program uses: given ones, a run's final ones, or those that the reference released."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Callable

from fcn_repro.datasets.download.fetch import DOWNLOADS, fetch, read_catalogue
from fcn_repro.errors import DataError
from fcn_repro.model.cvpr_weights import convert_cvpr_weights, is_cvpr_release
from fcn_repro.model.exchange import imported_weights
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.model.weights_origin import read_origin
from fcn_repro.paths import BUILD

CONVERTED = DOWNLOADS / "converted"

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

    Released weights are downloaded and verified, see `fetch_weights`. Those of the CVPR paper are converted to the
    run's layers once, into its folder.

    Raises   DataError if none of them exists, or as `convert_cvpr_weights`
    """
    path, name = given or folder.final, folder.experiment
    if path.exists():
        return _convert(path, folder)
    if given or not allow_released or name not in read_catalogue():
        raise DataError(f"{path}: missing. Fix: make {name}, or give other weights: --weights FILE")
    log.info("%s is missing: using the weights that the reference released as %s", path, name)
    return _convert(fetch_weights(name, lambda: folder.deploy), folder)


def fetch_weights(name: str, find_prototxt: Callable[[], Path]) -> Path:
    """Return the path of released weights, or, if none of their sources answers, of a caffemodel from a converted copy.

    The copies are tried in the catalogue's order. The log names the one that was used, and what differs from the
    original. A caffemodel made before is used again, until the original file is there.

    Parameters
        name            a row of data/weights.csv
        find_prototxt   returns the deploy prototxt of the net; called only to convert a copy

    Raises   DataError if the original is wrong on disk, or neither it nor a copy is available, with every reason
    """
    catalogue, out = read_catalogue(), CONVERTED / f"{name}.caffemodel"
    copies = [file for file in catalogue.values() if file and file.instead_of == name]
    original = catalogue[name].path if copies else None
    origin = read_origin(out) if original and not original.exists() else None
    if origin:
        log.info("%s: made before, %s. To try the original again, remove it", out, origin)
        return out
    try:
        return fetch(name)
    except DataError as error:
        if not original or original.exists():
            raise
        reasons = [str(error)]
    for copy in copies:
        log.warning("%s\nTrying a converted copy: %s (%s)", reasons[-1], copy.name, copy.note)
        try:
            imported = imported_weights.read(fetch(copy.name), name)
            origin = imported_weights.write(imported, find_prototxt(), out)
        except DataError as error:
            reasons.append(str(error))
            continue
        log.warning("%s: %s", out, origin)
        return out
    raise DataError("\n".join(reasons))


def _convert(path: Path, folder: RunFolder) -> Path:
    """The weights themselves; of the CVPR paper's, a copy under the names of the run's layers."""
    if path == folder.final or not is_cvpr_release(path):
        return path
    out = folder.path / path.name
    if not out.is_file() or out.stat().st_mtime < path.stat().st_mtime:
        convert_cvpr_weights(path, folder.deploy, out)
    return out
