import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from fcn_repro.caffe.proto import caffe_pb2
from tests.oracle.comparison import Record
from tests.oracle.oracle import Case, Oracle, run_ours

TRAIN, TEST = 0, 1


@pytest.fixture
def lmdb_path(tmp_path: Path) -> Path:
    """Seven images of 3 x 6 x 5 bytes, keys in order."""
    lmdb = pytest.importorskip("lmdb", reason="the comparison of Data needs Python's lmdb package")
    random = np.random.RandomState(0)
    with lmdb.open(str(tmp_path / "db"), map_size=2**20) as environment, environment.begin(write=True) as transaction:
        for index in range(7):
            pixels = random.randint(0, 256, (3, 6, 5)).astype(np.uint8)
            datum = caffe_pb2.Datum(channels=3, height=6, width=5, data=pixels.tobytes(), label=index)
            transaction.put(b"%04d" % index, datum.SerializeToString())
    return tmp_path / "db"


@pytest.fixture
def hdf5_list(tmp_path: Path) -> Path:
    """Two files of five and three rows, of floats, integers and scalars."""
    random = np.random.RandomState(0)
    names = []
    for index, rows in enumerate((5, 3)):
        names.append(str(tmp_path / f"{index}.h5"))
        with h5py.File(names[-1], "w") as file:
            file["data"] = random.standard_normal((rows, 2, 3)).astype(np.float32)
            file["label"] = np.arange(10 * index, 10 * index + rows, dtype=np.int32)
            file["double"] = random.standard_normal((rows, 1))
    (tmp_path / "list.txt").write_text("\n".join(names) + "\n")
    return tmp_path / "list.txt"


@pytest.mark.parametrize("phase", [TRAIN, TEST])
@pytest.mark.parametrize(
    "transform",
    ["", "scale: 0.25", "mean_value: 100", "mean_value: 1 mean_value: 2 mean_value: 3 scale: 0.5", "mirror: true",
     "crop_size: 4", "crop_size: 3 mirror: true mean_value: 7", "mirror: true mean_file: 'MEAN'",
     "crop_size: 5 mean_file: 'MEAN'"],
)  # fmt: skip
def test_lmdb_items_are_transformed_alike(transform, phase, lmdb_path, oracle: Oracle, record: Record):
    mean = caffe_pb2.BlobProto(num=1, channels=3, height=6, width=5, data=range(90))
    (lmdb_path.parent / "mean").write_bytes(mean.SerializeToString())
    transform = transform.replace("MEAN", str(lmdb_path.parent / "mean"))
    text = (
        f'layer {{ name: "d" type: "Data" top: "data" top: "label" data_param {{ source: "{lmdb_path}" batch_size: 3 '
        f"backend: LMDB }} transform_param {{ {transform} }} }}"
    )
    case = Case("batches", {"text": text, "phase": phase})
    record.check("Data layers", "Data (LMDB)", run_ours(case), oracle.run(case), 1e-6)


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """Five images of 9 x 7 pixels, in a lossless format, and their list."""
    for index in range(5):
        pixels = np.random.RandomState(index).randint(0, 256, (9, 7, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    (tmp_path / "list.txt").write_text("".join(f"{index}.png {10 * index}\n" for index in range(5)))
    return tmp_path


@pytest.mark.parametrize("phase", [TRAIN, TEST])
@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ("", 0),
        ("shuffle: true", 0),
        ("shuffle: true rand_skip: 4", 0),
        ("is_color: false", 0.006),  # one level of 255: the two libraries weigh the colours with other precision
        ("new_height: 5 new_width: 11", 0.006),
    ],
)
@pytest.mark.parametrize("transform", ["", "mirror: true crop_size: 4 mean_value: 9 scale: 0.1"])
def test_image_files_are_read_alike(options, limit, transform, phase, image_folder, oracle: Oracle, record: Record):
    text = (
        'layer { name: "d" type: "ImageData" top: "data" top: "label" image_data_param { batch_size: 3 '
        f'source: "{image_folder}/list.txt" root_folder: "{image_folder}/" {options} }} '
        f"transform_param {{ {transform} }} }}"
    )
    case = Case("batches", {"text": text, "phase": phase})
    subject = "ImageData, grey or resized" if limit else "ImageData"
    record.check("Data layers", subject, run_ours(case), oracle.run(case), limit or 1e-6)


@pytest.mark.parametrize("batch", [1, 2, 4, 7])
def test_hdf5_rows_come_in_order_across_files(batch, hdf5_list, oracle: Oracle, record: Record):
    case = Case("batches", {"text": hdf5_data(hdf5_list, batch)})
    record.check("Data layers", "HDF5Data", run_ours(case), oracle.run(case), 0)


@pytest.mark.parametrize("batch", [1, 3])
def test_hdf5_rows_are_shuffled_by_the_c_library(batch, hdf5_list, oracle: Oracle, record: Record, monkeypatch):
    from fcn_repro.caffe.random import c_rand

    monkeypatch.setattr(c_rand, "_process", c_rand.c_rand())  # as in a process that has just begun
    case = Case("batches", {"text": hdf5_data(hdf5_list, batch, "shuffle: true"), "passes": 12}, alone=True)
    record.check("Data layers", "HDF5Data, shuffled", run_ours(case), oracle.run(case), 0)


def hdf5_data(source: Path, batch: int, more: str = "") -> str:
    return (
        f'layer {{ name: "d" type: "HDF5Data" top: "data" top: "label" top: "double" '
        f'hdf5_data_param {{ source: "{source}" batch_size: {batch} {more} }} }}'
    )


def test_hdf5_output_writes_the_same_file(oracle: Oracle, tmp_path: Path):
    found = []
    for who, run in (("ours", run_ours), ("theirs", oracle.run)):
        text = (
            'layer { name: "in" type: "Input" top: "x" top: "y" '
            "input_param { shape { dim: 3 dim: 2 } shape { dim: 3 } } }"
            'layer { name: "out" type: "HDF5Output" bottom: "x" bottom: "y" '
            f'hdf5_output_param {{ file_name: "{tmp_path / who}" }} }}'
        )
        arrays = {"0/x": np.arange(6, dtype=np.float32).reshape(3, 2), "0/y": np.arange(3, dtype=np.float32)}
        run(Case("net", {"text": text, "backward": False}, arrays))  # the file is closed with the net
        with h5py.File(tmp_path / who) as file:
            found.append({name: np.array(file[name]) for name in file})
    assert sorted(found[0]) == sorted(found[1]) == ["data", "label"]
    for name in found[0]:
        assert found[0][name].dtype == found[1][name].dtype
        assert (found[0][name] == found[1][name]).all() and found[0][name].shape == found[1][name].shape


def test_memory_data_goes_around(oracle: Oracle, record: Record):
    text = (
        'layer { name: "m" type: "MemoryData" top: "data" top: "label" '
        "memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 } }"
    )
    random = np.random.RandomState(0)
    arrays = {
        "data": np.float32(random.standard_normal((6, 3, 4, 5))),
        "labels": np.float32(random.randint(0, 9, 6)),
    }
    case = Case("memory", {"text": text}, arrays)
    record.check("Data layers", "MemoryData", run_ours(case), oracle.run(case), 0)


def test_dummy_data_keeps_constants_and_refills_the_rest(oracle: Oracle, record: Record):
    fillers = ['type: "constant" value: 3', 'type: "gaussian"', 'type: "uniform" min: 2 max: 4']
    for given in itertools.chain(itertools.combinations(fillers, 1), itertools.combinations(fillers, 2), [()]):
        filled = " ".join(f"data_filler {{ {filler} }}" for filler in given)
        text = (
            'layer { name: "d" type: "DummyData" top: "a" top: "b" '
            f"dummy_data_param {{ shape {{ dim: 2 dim: 3 }} {filled} }} }}"
        )
        case = Case("batches", {"text": text})
        record.check("Data layers", "DummyData", run_ours(case), oracle.run(case), 0)
