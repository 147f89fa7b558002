"""Scripts that know only pycaffe, run unchanged on both engines."""

import json
from pathlib import Path

import numpy as np
import pytest

from fcn_repro.caffe.proto import caffemodel
from tests.fixtures.pycaffe_scripts import OURS, SCRIPTS, Engine, numbers, run_fcn
from tests.oracle.comparison import Record, worst_difference
from tests.oracle.oracle import Arrays
from tools import real_caffe

CHAPTER = "Scripts"


@pytest.fixture(scope="module")
def theirs() -> Engine:
    """Real Caffe."""
    try:
        return Engine((real_caffe.interpreter(),), real_caffe.ENVIRONMENT)
    except real_caffe.NoCaffe as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def surfaces(theirs: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders in which both engines showed their surface."""
    folders = []
    for name, engine in (("ours", OURS), ("theirs", theirs)):
        folders.append(tmp_path_factory.mktemp(name))
        done = engine.run(folders[-1], str(SCRIPTS / "surface" / "surface.py"))
        assert done.returncode == 0, f"{name}: {done.stderr}"
    return folders


@pytest.mark.parametrize(
    "section",
    ["names", "members", "running", "refusals", "callbacks", "weights", "sharing", "python", "memory", "training", "io",
     "detector"],
)  # fmt: skip
def test_the_surface_is_the_same(surfaces: list[Path], section: str) -> None:
    ours, theirs = (json.loads((folder / "facts.json").read_text())[section] for folder in surfaces)
    assert ours == theirs


def test_what_comes_through_the_surface_is_the_same(surfaces: list[Path], record: Record) -> None:
    ours, theirs = (dict(np.load(folder / "arrays.npz")) for folder in surfaces)
    assert {name: array.dtype for name, array in ours.items()} == {name: array.dtype for name, array in theirs.items()}
    for group in sorted({name.split(" ")[0] for name in theirs}):
        record.check(CHAPTER, f"pycaffe's {group}", _of(ours, group), _of(theirs, group), 1e-6)


def test_the_references_way_of_working_gives_the_same_numbers(theirs: Engine, tmp_path: Path, record: Record) -> None:
    folders = tmp_path / "ours", tmp_path / "theirs"
    printed = [numbers(run_fcn(folder, engine)) for folder, engine in zip(folders, (OURS, theirs), strict=True)]
    scores = [np.load(folder / "score.npy") for folder in folders]
    for ours, caffes, what in ((*printed, "printed scores"), (*scores, "score map")):
        record.check(CHAPTER, f"FCN in the reference's style: {what}", {what: ours}, {what: caffes}, 1e-5)
    models = [_parameters(folder / "snapshot" / "train_iter_8.caffemodel") for folder in folders]
    worst, where = worst_difference(*models)
    assert worst <= 1e-5, where
    assert (folders[0] / "output.png").read_bytes() == (folders[1] / "output.png").read_bytes()


def _of(arrays: Arrays, group: str) -> Arrays:
    return {name: array for name, array in arrays.items() if name.startswith(group + " ")}


def _parameters(path: Path) -> Arrays:
    return {f"{layer.name}/{i}": blob.data for layer in caffemodel.read(path) for i, blob in enumerate(layer.blobs)}
