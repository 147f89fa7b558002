import io
import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from fcn_repro.caffe import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random import c_rand
from tests.oracle.comparison import Compare, Record
from tests.oracle.oracle import Case, Oracle, Refused, run_ours

CHAPTER = "Data layers"
TRAIN, TEST = 0, 1
TRANSFORMS = ["", "scale: 0.25", "mean_value: 100", "mean_value: 1 mean_value: 2 mean_value: 3 scale: 0.5",
              "mirror: true", "crop_size: 4", "crop_size: 3 mirror: true mean_value: 7",
              "mirror: true mean_file: 'MEAN'", "crop_size: 5 mean_file: 'MEAN'"]  # fmt: skip


def data_layer(type_: str, tops: str, fields: str) -> str:
    return f'layer {{ name: "d" type: "{type_}" {" ".join(f"top: {top!r}" for top in tops.split())} {fields} }}'


@pytest.fixture
def lmdb_path(tmp_path: Path) -> Path:
    """Seven images of 3 x 6 x 5 bytes with ordered keys."""
    lmdb = pytest.importorskip("lmdb", reason="the comparison of Data needs Python's lmdb package")
    random = np.random.RandomState(0)
    with lmdb.open(str(tmp_path / "db"), map_size=2**20) as environment, environment.begin(write=True) as transaction:
        for index in range(7):
            pixels = random.randint(0, 256, (3, 6, 5)).astype(np.uint8)
            datum = caffe_pb2.Datum(channels=3, height=6, width=5, data=pixels.tobytes(), label=index)
            transaction.put(b"%04d" % index, datum.SerializeToString())
    return tmp_path / "db"


@pytest.mark.parametrize("phase", [TRAIN, TEST])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_lmdb_items_are_transformed_as_in_caffe(transform: str, phase: int, lmdb_path: Path, compare: Compare):
    mean = caffe_pb2.BlobProto(num=1, channels=3, height=6, width=5, data=range(90))
    (lmdb_path.parent / "mean").write_bytes(mean.SerializeToString())
    transform = transform.replace("MEAN", str(lmdb_path.parent / "mean"))
    source = f'data_param {{ source: "{lmdb_path}" batch_size: 3 backend: LMDB }}'
    text = data_layer("Data", "data label", f"{source} transform_param {{ {transform} }}")
    compare(CHAPTER, "Data (LMDB)", Case("batches", {"text": text, "phase": phase}), 1e-6)


@pytest.mark.parametrize("phase", [TRAIN, TEST])
@pytest.mark.parametrize(
    ("options", "subject", "limit"),
    [
        ("", "ImageData", 1e-6),
        ("shuffle: true", "ImageData", 1e-6),
        ("shuffle: true rand_skip: 4", "ImageData", 1e-6),
        # One level of 255: the image libraries weigh colours with different precision.
        ("is_color: false", "ImageData, grey or resized", 0.006),
        ("new_height: 5 new_width: 11", "ImageData, grey or resized", 0.006),
    ],
)
@pytest.mark.parametrize("transform", ["", "mirror: true crop_size: 4 mean_value: 9 scale: 0.1"])
def test_image_files_are_read_as_in_caffe(options, subject, limit, transform, phase, tmp_path, compare: Compare):
    for index in range(5):
        pixels = np.random.RandomState(index).randint(0, 256, (9, 7, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    (tmp_path / "list.txt").write_text("".join(f"{index}.png {10 * index}\n" for index in range(5)))
    source = f'batch_size: 3 source: "{tmp_path}/list.txt" root_folder: "{tmp_path}/" {options}'
    fields = f"image_data_param {{ {source} }} transform_param {{ {transform} }}"
    text = data_layer("ImageData", "data label", fields)
    compare(CHAPTER, subject, Case("batches", {"text": text, "phase": phase}), limit)


@pytest.fixture
def hdf5_list(tmp_path: Path) -> Path:
    """Two files of five and three rows: floats, integers, and doubles of one column."""
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


@pytest.mark.parametrize(("batch", "shuffled"), [(1, False), (2, False), (4, False), (7, False), (1, True), (3, True)])
def test_hdf5_rows_come_in_caffes_order(batch, shuffled, hdf5_list, compare: Compare, monkeypatch):
    """Rows cross file boundaries; a shuffle uses the C library's rand(), here as a new process has it."""
    monkeypatch.setattr(c_rand, "_process", c_rand.c_rand())
    options = "shuffle: true" if shuffled else ""
    fields = f'hdf5_data_param {{ source: "{hdf5_list}" batch_size: {batch} {options} }}'
    arguments = {"text": data_layer("HDF5Data", "data label double", fields), "passes": 12 if shuffled else 6}
    compare(CHAPTER, f"HDF5Data{', shuffled' * shuffled}", Case("batches", arguments), 0)


def test_hdf5_output_writes_the_same_file(oracle: Oracle, tmp_path: Path):
    found = []
    for name, run in (("ours", run_ours), ("theirs", oracle.run)):
        shapes = "input_param { shape { dim: 3 dim: 2 } shape { dim: 3 } }"
        output = f'bottom: "x" bottom: "y" hdf5_output_param {{ file_name: "{tmp_path / name}" }}'
        text = data_layer("Input", "x y", shapes) + data_layer("HDF5Output", "", output)
        arrays = {"0/x": np.arange(6, dtype=np.float32).reshape(3, 2), "0/y": np.arange(3, dtype=np.float32)}
        run(Case("net", {"text": text, "backward": False}, arrays))  # the end of the net closes the file
        with h5py.File(tmp_path / name) as file:
            found.append({key: (file[key].dtype, file[key].shape, np.array(file[key]).tolist()) for key in file})
    assert found[0] == found[1]
    assert sorted(found[0]) == ["data", "label"]


def test_memory_data_repeats_its_arrays(compare: Compare):
    fields = "memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 }"
    random = np.random.RandomState(0)
    arrays = {
        "data": np.float32(random.standard_normal((6, 3, 4, 5))),
        "labels": np.float32(random.randint(0, 9, 6)),
    }
    case = Case("batches", {"text": data_layer("MemoryData", "data label", fields)}, arrays)
    compare(CHAPTER, "MemoryData", case, 0)


def test_dummy_data_keeps_constants_and_refills_the_rest(compare: Compare):
    fillers = ['type: "constant" value: 3', 'type: "gaussian"', 'type: "uniform" min: 2 max: 4']
    for given in itertools.chain(itertools.combinations(fillers, 1), itertools.combinations(fillers, 2), [()]):
        filled = " ".join(f"data_filler {{ {filler} }}" for filler in given)
        fields = f"dummy_data_param {{ shape {{ dim: 2 dim: 3 }} {filled} }}"
        compare(CHAPTER, "DummyData", Case("batches", {"text": data_layer("DummyData", "a b", fields)}), 0)


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    """Three images of a ramp with eight windows each, and a mean image."""
    random = np.random.RandomState(0)
    lines = []
    for index in range(3):
        height, width = 40 + 5 * index, 50 - 6 * index
        y, x = np.mgrid[:height, :width]
        Image.fromarray(np.uint8(np.stack([4 * x, 4 * y, 2 * (x + y)], axis=2))).save(tmp_path / f"{index}.png")
        lines.append(f"# {index}\n{index}.png\n3\n{height}\n{width}\n8\n")
        for label in (1, 2, 3, 4) * 2:
            left, top = random.randint(0, width - 8), random.randint(0, height - 8)
            corners = left, top, random.randint(left + 2, width), random.randint(top + 2, height)
            lines.append(f"{label} {random.rand():.3f} {' '.join(map(str, corners))}\n")
    (tmp_path / "windows.txt").write_text("".join(lines))
    mean = caffe_pb2.BlobProto(num=1, channels=3, height=20, width=20, data=range(1200))
    (tmp_path / "mean").write_bytes(mean.SerializeToString())
    return tmp_path


@pytest.mark.parametrize("phase", [TRAIN, TEST])
@pytest.mark.parametrize("transform", ["mirror: true", "mean_file: 'MEAN'", "mirror: true mean_value: 7"])
@pytest.mark.parametrize(
    "options",
    ["", "context_pad: 3 fg_fraction: 0.6", "crop_mode: 'square' scale: 0.5", "crop_mode: 'square' context_pad: 5",
     "fg_threshold: 0.7 bg_threshold: 0.3 cache_images: true"],
)  # fmt: skip
def test_windows_are_drawn_and_warped_as_in_caffe(options, transform, phase, windows: Path, compare: Compare):
    source = f'source: "{windows}/windows.txt" root_folder: "{windows}/" batch_size: 6 {options}'
    transform = f"crop_size: 16 {transform.replace('MEAN', str(windows / 'mean'))}"
    fields = f"window_data_param {{ {source} }} transform_param {{ {transform} }}"
    case = Case("batches", {"text": data_layer("WindowData", "data label", fields), "phase": phase, "passes": 3})
    compare(CHAPTER, "WindowData", case, 0.008)  # one level of the largest, by resizing


def image_files() -> dict[str, bytes]:
    """Small files of the kinds that this build's OpenCV reads, or refuses: depth, alpha, palette, EXIF, TIFF tags."""
    y, x = np.mgrid[:6, :8]
    deep = np.uint16(8000 * x + 300 * y + 7)
    colours = np.random.RandomState(0).randint(0, 256, (6, 8, 3)).astype(np.uint8)
    blocks = np.kron(np.stack([20 * x, 30 * y, 12 * (x + y)], axis=2), np.ones((8, 8, 1))).astype(np.uint8)
    files = {
        "deep.png": (deep, {}), "deep.tif": (deep, {}), "signed.tif": (np.int32(deep) - 9, {}),
        "float.tif": (np.float32(x / 7), {}), "alpha.png": (np.dstack([colours, colours[..., 0]]), {}),
        "alpha.tif": (np.dstack([colours, colours[..., 0]]), {}), "grey.png": (colours[..., 0], {}),
        "turned.tif": (colours, {"tiffinfo": {274: 6}}), "colour.bmp": (colours, {}),
    }  # fmt: skip
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files[f"exif{orientation}.jpg"] = (blocks, {"exif": exif, "quality": 98, "subsampling": 0})
    encoded = {}
    for name, (pixels, options) in files.items():
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, {"jpg": "JPEG", "tif": "TIFF"}.get(name[-3:], name[-3:].upper()), **options)
        encoded[name] = file.getvalue()
    return encoded


IMAGES = image_files()


@pytest.mark.parametrize("reader", ["is_color: true", "is_color: false", "", "force_color: true", "force_gray: true"])
@pytest.mark.parametrize("name", IMAGES)
def test_files_of_every_kind_are_decoded_or_refused_as_by_opencv(
    name, reader, tmp_path, oracle: Oracle, record: Record
):
    if reader.startswith("is_color"):
        (tmp_path / name).write_bytes(IMAGES[name])
        (tmp_path / "list.txt").write_text(f"{tmp_path}/{name} 3\n")
        text = f'image_data_param {{ source: "{tmp_path}/list.txt" batch_size: 1 {reader} }}'
        case = Case("batches", {"text": data_layer("ImageData", "data label", text), "passes": 1})
    else:
        lmdb = pytest.importorskip("lmdb", reason="writes the encoded images")
        with lmdb.open(str(tmp_path / "db")) as environment, environment.begin(write=True) as transaction:
            transaction.put(b"0", caffe_pb2.Datum(data=IMAGES[name], encoded=True).SerializeToString())
        text = f'data_param {{ source: "{tmp_path}/db" batch_size: 1 backend: LMDB }} transform_param {{ {reader} }}'
        case = Case("batches", {"text": data_layer("Data", "data", text), "passes": 1})
    try:
        theirs = oracle.run(case)
    except Refused:
        with pytest.raises(CaffeError):
            run_ours(case)
    else:
        record.check(CHAPTER, "Images of 16 bits, with alpha, with EXIF", run_ours(case), theirs, 0.012)


@pytest.mark.parametrize("bottoms", [0, 1, 2, 3])
@pytest.mark.parametrize("tops", range(5))
@pytest.mark.parametrize(
    "type_", ["Input", "DummyData", "MemoryData", "Parameter", "ImageData", "WindowData", "HDF5Output"]
)
def test_each_count_of_bottoms_and_tops_is_taken_as_by_caffe(type_, tops, bottoms, windows: Path, oracle: Oracle):
    (windows / "list.txt").write_text("0.png 1\n1.png 2\n")
    params = {
        "Input": "input_param { shape { dim: 2 dim: 3 } }",
        "DummyData": "dummy_data_param { shape { dim: 2 dim: 3 } }",
        "MemoryData": "memory_data_param { batch_size: 1 channels: 2 height: 3 width: 4 }",
        "Parameter": "parameter_param { shape { dim: 2 dim: 3 } }",
        "ImageData": f'image_data_param {{ source: "{windows}/list.txt" root_folder: "{windows}/" batch_size: 1 }}',
        "WindowData": f'window_data_param {{ source: "{windows}/windows.txt" batch_size: 1 }} '
        "transform_param { crop_size: 8 }",
        "HDF5Output": f'hdf5_output_param {{ file_name: "{windows}/out.h5" }}',
    }
    names = [f"b{index}" for index in range(bottoms)]
    fields = " ".join(f'bottom: "{name}"' for name in names) + params[type_]
    text = data_layer("Input", " ".join(names), "input_param { shape { dim: 2 dim: 3 } }") if names else ""
    text += data_layer(type_, " ".join(f"t{index}" for index in range(tops)), fields).replace('"d"', '"layer"', 1)
    case = Case("structure", {"text": text})
    try:
        theirs = oracle.run(case)
    except Refused:
        with pytest.raises(CaffeError):
            run_ours(case)
    else:
        assert {name: array.tolist() for name, array in run_ours(case).items()} == {
            name: array.tolist() for name, array in theirs.items()
        }
