from pathlib import Path

import h5py
import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe import CaffeError
from fcn_repro.caffe.random import c_rand
from tests.fixtures.layers.one_layer import OneLayer


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, rows in (("a", [0, 1, 2]), ("b", [10, 11])):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["t0"] = np.array(rows, np.int64)
            file["t1"] = np.array(rows, np.float64)[:, None] * [1, 100]
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'a.h5'}\n{tmp_path / 'b.h5'}\n")
    return tmp_path / "list.txt"


def layer(source: Path, batch: int, more: str = "", phase: int = caffe.TRAIN) -> OneLayer:
    return OneLayer("HDF5Data", (), f'hdf5_data_param {{ source: "{source}" batch_size: {batch} {more} }}', 2, phase)


def test_reads_rows_across_files_and_repeats(files):
    built = layer(files, 2)
    assert [blob.dims for blob in built.top] == [(2,), (2, 2)]
    assert [built.forward().tolist() for _ in range(4)] == [[0, 1], [2, 10], [11, 0], [1, 2]]
    assert built.top[1].data.tolist() == [[1, 100], [2, 200]]


def test_shuffling_keeps_all_rows(files):
    built = layer(files, 5, "shuffle: true")
    assert sorted(built.forward().tolist()) == [0, 1, 2, 10, 11]


@pytest.mark.parametrize(("phase", "rows"), [(caffe.TRAIN, [1, 10, 0, 2, 11]), (caffe.TEST, [0, 1, 2, 10, 11])])
def test_solvers_share_the_rows_in_training(files, phase, rows):
    caffe.set_solver_count(2)
    caffe.set_solver_rank(1)
    try:
        assert layer(files, 5, phase=phase).forward().tolist() == rows
    finally:
        caffe.set_solver_count(1)
        caffe.set_solver_rank(0)


def test_c_rand_gives_the_c_librarys_numbers():
    stream = c_rand.c_rand()
    assert [next(stream) for _ in range(3)] == [1804289383, 846930886, 1681692777]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: None, "cannot read"),
        (lambda file: file.update(t0=np.zeros(3), t1=np.zeros(2)), "data sets of \\[2, 3\\] rows"),
    ],
)
def test_refuses_files_without_the_data_sets(write, message, tmp_path):
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        write(file)
    (tmp_path / "list.txt").write_text(str(tmp_path / "bad.h5"))
    with pytest.raises(CaffeError, match=message):
        layer(tmp_path / "list.txt", 1)


@pytest.mark.parametrize(
    ("source", "more", "message"),
    [
        ("list.txt", "batch_size: 1 } transform_param { scale: 2", "does not apply transform_param"),
        ("none.txt", "batch_size: 1", "Could not open file"),
        ("a.h5", "batch_size: 1", "an HDF5 file; expected a text file that lists HDF5 files. Fix: echo"),
        ("list.txt", "", "got hdf5_data_param.batch_size 0; expected at least 1"),
    ],
)
def test_refuses_transformations_other_sources_and_a_missing_batch_size(files, source, more, message):
    with pytest.raises(CaffeError, match=message):
        OneLayer("HDF5Data", (), f'hdf5_data_param {{ source: "{files.parent / source}" {more} }}')
