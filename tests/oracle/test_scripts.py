"""Scripts that know only pycaffe, run unchanged on both engines."""

import json
from pathlib import Path

import numpy as np
import pytest

from fcn_repro.caffe.proto import caffemodel
from tests.fixtures.pycaffe_scripts import OURS, SCRIPTS, Interpreter, parse_numbers, run_fcn
from tests.oracle.comparison import Record, worst_difference
from tests.oracle.oracle import Arrays

CHAPTER = "Scripts"


@pytest.fixture(scope="module")
def surfaces(theirs: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders in which surface.py ran on both engines."""
    folders = []
    for name, engine in (("ours", OURS), ("theirs", theirs)):
        folders.append(tmp_path_factory.mktemp(name))
        engine.check(folders[-1], str(SCRIPTS / "surface" / "surface.py"))
    return folders


@pytest.mark.parametrize(
    "section",
    ["names", "members", "running", "refusals", "callbacks", "weights", "sharing", "python", "memory", "training", "io",
     "detector"],
)  # fmt: skip
def test_the_surface_is_the_same(surfaces: list[Path], section: str) -> None:
    ours, theirs = (json.loads((folder / "facts.json").read_text())[section] for folder in surfaces)
    assert ours == theirs


def test_arrays_from_the_surface_are_the_same(surfaces: list[Path], record: Record) -> None:
    ours, theirs = (dict(np.load(folder / "arrays.npz")) for folder in surfaces)
    assert {name: array.dtype for name, array in ours.items()} == {name: array.dtype for name, array in theirs.items()}
    for group in sorted({name.split(" ")[0] for name in theirs}):
        mine, reference = ({n: v for n, v in arrays.items() if n.startswith(f"{group} ")} for arrays in (ours, theirs))
        record.check(CHAPTER, f"pycaffe's {group}", mine, reference, 1e-6)


def test_the_references_scripts_give_the_same_numbers(theirs: Interpreter, tmp_path: Path, record: Record) -> None:
    folders = tmp_path / "ours", tmp_path / "theirs"
    printed = [parse_numbers(run_fcn(folder, engine)) for folder, engine in zip(folders, (OURS, theirs), strict=True)]
    scores = [np.load(folder / "score.npy") for folder in folders]
    for ours, caffes, what in ((*printed, "printed scores"), (*scores, "score map")):
        record.check(CHAPTER, f"FCN in the reference's style: {what}", {what: ours}, {what: caffes}, 1e-5)
    worst, where = worst_difference(*(read_weights(folder / "snapshot/train_iter_8.caffemodel") for folder in folders))
    assert worst <= 1e-5, where
    assert (folders[0] / "output.png").read_bytes() == (folders[1] / "output.png").read_bytes()


def read_weights(path: Path) -> Arrays:
    return {f"{layer.name}/{i}": blob.data for layer in caffemodel.read(path) for i, blob in enumerate(layer.blobs)}
