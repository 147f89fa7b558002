from pathlib import Path

import numpy as np
import pytest

from fcn_repro.caffe import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random import rng
from tests.fixtures.layers.one_layer import OneLayer

lmdb = pytest.importorskip("lmdb", reason="the Data layer needs Python's lmdb package")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    with lmdb.open(str(tmp_path / "db"), map_size=2**20) as environment, environment.begin(write=True) as transaction:
        for index in range(3):
            datum = caffe_pb2.Datum(channels=1, height=2, width=2, data=bytes([index, 1, 2, 255]), label=index)
            transaction.put(b"%d" % index, datum.SerializeToString())
    return tmp_path / "db"


def layer(source: Path, more: str = "", backend: str = "LMDB") -> OneLayer:
    rng.set_random_seed(1)
    param = f'data_param {{ source: "{source}" batch_size: 2 backend: {backend} }} transform_param {{ {more} }}'
    return OneLayer("Data", (), param, 2)


def test_reads_records_by_key_and_repeats(source):
    built = layer(source)
    assert built.forward()[:, 0].tolist() == [[[0, 1], [2, 255]], [[1, 1], [2, 255]]]
    assert built.top[1].data.tolist() == [0, 1]
    built.forward()
    assert built.top[1].data.tolist() == [2, 0]


def test_mirrors_about_half_of_the_items_left_to_right(source):
    built = layer(source, "mirror: true")
    corners = [float(built.forward()[0, 0, 1, 0]) for _ in range(40)]
    assert set(corners) == {2, 255}
    assert 8 < corners.count(255) < 32


def test_refuses_leveldb_with_the_reason_and_a_missing_database(source, tmp_path):
    reason = "asks for Data backend LEVELDB, unsupported here: .*convert the database to LMDB"
    with pytest.raises(CaffeError, match=reason):
        layer(source, backend="LEVELDB")
    with pytest.raises(CaffeError, match="Could not open the LMDB"):
        layer(tmp_path / "none")


@pytest.mark.parametrize(
    ("transform", "complaint"),
    [
        ("crop_size: 3", "crops 3 pixels from an image of 2 x 2"),
        ("mean_file: 'x' mean_value: 1", "has mean_file and mean_value; expected one of them"),
        ("force_color: true force_gray: true", "both force_color and force_gray"),
    ],
)
def test_refuses_impossible_transformations(source, transform, complaint):
    with pytest.raises(CaffeError, match=complaint):
        layer(source, transform)


def test_reads_float_data(tmp_path):
    with lmdb.open(str(tmp_path / "db"), map_size=2**20) as environment, environment.begin(write=True) as transaction:
        datum = caffe_pb2.Datum(channels=2, height=1, width=1, float_data=[0.5, -3])
        transaction.put(b"0", datum.SerializeToString())
    assert layer(tmp_path / "db").forward()[0].ravel().tolist() == [0.5, -3]
    assert np.float32(layer(tmp_path / "db", "scale: 2").forward()[1].ravel()).tolist() == [1, -6]


def test_a_script_may_hold_the_database_open_and_open_it_beside_the_net(source):
    with lmdb.open(str(source), readonly=True) as environment, environment.begin() as transaction:
        built = layer(source)
        assert caffe_pb2.Datum.FromString(transaction.get(b"1")).label == 1
    built.forward()
    with lmdb.open(str(source), readonly=True) as environment:
        assert environment.stat()["entries"] == 3
        built.forward()
    assert built.top[1].data.tolist() == [2, 0]
