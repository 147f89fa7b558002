"""Images with label maps: what each fork's data layer makes of small files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.forks.dense_image_data import take_nearest
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random import rng
from tests.fixtures.layers.one_layer import OneLayer

TYPES = {"DenseImageData": "dense_image_data_param", "ImageLabelmapData": "image_data_param",
         "ImageSegData": "image_data_param"}  # fmt: skip
IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)  # R G B
LABEL = np.arange(24, dtype=np.uint8).reshape(4, 6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(3):
        Image.fromarray(IMAGE + 80 * i).save(tmp_path / f"{i}.png")
        Image.fromarray(LABEL + 100 * i).save(tmp_path / f"l{i}.png")
    (tmp_path / "list.txt").write_text("0.png l0.png\n1.png l1.png\n2.png l2.png\n")
    return tmp_path


def make(folder: Path, type_: str, source: str = "", transform: str = "", phase: int = 0, tops: int = 2) -> OneLayer:
    kind = " label_type: PIXEL" if type_ == "ImageSegData" and "label_type" not in source else ""
    lines = "" if "source:" in source else f'source: "{folder}/list.txt"'
    text = f'{TYPES[type_]} {{ {lines} root_folder: "{folder}/" {source}{kind} }} transform_param {{ {transform} }}'
    if "batch_size" not in text:
        text = text.replace("root_folder", "batch_size: 1 root_folder", 1)
    rng.set_random_seed(5)
    return OneLayer(type_, [], text, tops=tops, phase=phase)


def run(layer: OneLayer) -> tuple[np.ndarray, ...]:
    layer.forward()
    return tuple(blob.data.copy() for blob in layer.top)


def planes(image: np.ndarray) -> np.ndarray:
    return image[..., ::-1].transpose(2, 0, 1)


@pytest.mark.parametrize("type_", TYPES)
def test_reads_images_as_b_g_r_planes_with_their_label_maps_in_order_and_again(folder: Path, type_: str):
    layer = make(folder, type_, "batch_size: 2", "mean_value: 1 mean_value: 2 mean_value: 3 scale: 0.5")
    assert [blob.dims for blob in layer.top] == [(2, 3, 4, 6), (2, 1, 4, 6)]
    data, label = run(layer)
    mean = np.reshape([1, 2, 3], (3, 1, 1))
    np.testing.assert_array_equal(data, [(planes(IMAGE + 80 * i) - mean) * 0.5 for i in (0, 1)])
    expected = [LABEL + 100 * i for i in (0, 1)]
    if type_ == "ImageLabelmapData":
        expected = [(values >= 128).astype(int) for values in expected]
    np.testing.assert_array_equal(label[:, 0], expected)
    data, _ = run(layer)
    np.testing.assert_array_equal(data[:, 2, 0, 0], [(160 - 3) / 2, -3 / 2])  # the third, then the first again


@pytest.mark.parametrize("type_", TYPES)
def test_mirrors_and_crops_images_and_label_maps_alike(folder: Path, type_: str):
    crop = "crop_height: 2 crop_width: 3 mirror: true"
    source, transform = (crop, "") if type_ == "DenseImageData" else ("", "crop_size: 3 mirror: true")
    label_of = {tuple(planes(IMAGE)[:, i, j]): int(LABEL[i, j]) for i, j in np.ndindex(4, 6)}
    layer, seen = make(folder, type_, source, transform), set()
    for step in range(12):
        data, label = run(layer)
        if step % 3:
            continue
        assert data.shape[2:] == ((2, 3) if type_ == "DenseImageData" else (3, 3))
        found = np.array([label_of[tuple(pixel)] for pixel in data[0].reshape(3, -1).T])
        expected = found >= 128 if type_ == "ImageLabelmapData" else found
        np.testing.assert_array_equal(label.ravel(), expected)
        seen.add((found[0], found[1] - found[0]))
    assert len(seen) > 2 and {step for _, step in seen} == {1, -1}  # other places, mirrored and not


def test_shuffles_and_skips(folder: Path):
    order = [run(layer)[0][0, 2, 0, 0] for layer in [make(folder, "DenseImageData", "shuffle: true")] for _ in range(3)]
    assert sorted(order) == [0, 80, 160]
    with pytest.raises(CaffeError, match="skips .* of 3 images. Fix: lower rand_skip"):
        for _ in range(20):
            make(folder, "DenseImageData", "rand_skip: 1000000")


# ---- each layer's own


def test_labels_of_edge_maps_are_resized_bilinearly_and_others_by_the_nearest(folder: Path):
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(folder / "l0.png")
    Image.fromarray(np.zeros((1, 2, 3), np.uint8)).save(folder / "0.png")
    size = "new_height: 1 new_width: 5"
    assert run(make(folder, "ImageLabelmapData", size))[1].ravel().tolist() == [0, 0, 1, 1, 1]  # 0 26 128 230 255
    assert run(make(folder, "DenseImageData", size))[1].ravel().tolist() == [0, 0, 0, 255, 255]


def test_nearest_takes_the_floor():
    assert take_nearest(LABEL, 2, 4).tolist() == [[0, 1, 3, 4], [12, 13, 15, 16]]


def test_enets_label_maps_are_smaller(folder: Path):
    for i in range(3):
        Image.fromarray(LABEL[::2, ::2]).save(folder / f"l{i}.png")
    data, label = run(make(folder, "DenseImageData", "label_divide_factor: 2"))
    assert (data.shape, label.shape) == ((1, 3, 4, 6), (1, 1, 2, 3))
    assert label.ravel().tolist() == LABEL[::2, ::2].ravel().tolist()


def test_image_seg_data_pads_by_mean_and_ignore_label_and_gives_sizes(folder: Path):
    transform = "crop_height: 6 crop_width: 4 mean_value: 7 scale: 2"
    data, label, size = run(make(folder, "ImageSegData", "ignore_label: 99", transform, phase=caffe_pb2.TEST, tops=3))
    assert size.tolist() == [[[[4, 4]]]]
    np.testing.assert_array_equal(data[0, :, :4], 2 * (planes(IMAGE)[:, :, 1:5] - 7.0))  # central in width
    assert not data[0, :, 4:].any()
    np.testing.assert_array_equal(label[0, 0], np.vstack([LABEL[:, 1:5], np.full((2, 4), 99)]))


def test_image_seg_data_draws_a_scale(folder: Path):
    transform = "crop_size: 12 scale_factors: 0.5 scale_factors: 2"
    layer, sizes = make(folder, "ImageSegData", "", transform, phase=caffe_pb2.TEST), set()
    for _ in range(12):
        is_image = run(layer)[1][0, 0] != 255
        sizes.add(tuple(is_image.sum(axis).max() for axis in (0, 1)))
    assert sizes == {(2, 3), (8, 12)}


@pytest.mark.parametrize(
    "kind, line, value", [("IMAGE", "0.png 7", 7), ("NONE", "0.png", 255), ("NONE", "0.png x", 255)]
)
def test_image_seg_data_takes_one_label_for_an_image(folder: Path, kind: str, line: str, value: int):
    (folder / "list.txt").write_text(line)
    assert set(run(make(folder, "ImageSegData", f"label_type: {kind}"))[1].ravel()) == {value}


# ---- refusals


@pytest.mark.parametrize(
    "type_, source, transform, complaint",
    [
        ("DenseImageData", 'source: "absent.txt"', "", "Could not open file absent.txt"),
        ("ImageSegData", "", "crop_size: 3 crop_height: 2", "part of a crop"),
        ("ImageSegData", "", 'mean_file: "m"', "mean_file"),
        ("DenseImageData", "", "mirror: true", "expected them in dense_image_data_param"),
        ("DenseImageData", "crop_height: 9 crop_width: 2", "", r"crops \[9, 2\] pixels from an image of \[4, 6\]"),
        ("DenseImageData", "crop_height: 2", "", "one of crop_height and crop_width"),
        ("ImageLabelmapData", "new_height: 2", "", "one of new_height and new_width"),
        ("ImageLabelmapData", "batch_size: 0", "", "batch_size 0"),
    ],
)
def test_refuses_parameters(folder: Path, type_: str, source: str, transform: str, complaint: str):
    with pytest.raises(CaffeError, match=complaint):
        make(folder, type_, source, transform)


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("0.png", r"list\.txt:1: got 1 words, expected 2: image, label"),
        ("0.png l0.png x", "got 3 words"),
        ("absent.png l0.png", r"Could not load .*absent\.png"),
        ("0.png absent.png", r"Could not load .*absent\.png"),
        ("0.png small.png", r"0\.png of size \[4, 6\] and small\.png of size \[1, 1\]; expected \[4, 6\]"),
        ("0.png palette.png", r"label map with a palette, .*palette\.png"),
        ("", "lists no images"),
    ],
)
def test_refuses_lines_and_label_maps(folder: Path, line: str, complaint: str):
    Image.fromarray(np.zeros((1, 1), np.uint8)).save(folder / "small.png")
    palette = Image.fromarray(LABEL, "P")
    palette.putpalette([1, 2, 3] * 256)
    palette.save(folder / "palette.png")
    (folder / "list.txt").write_text(line)
    with pytest.raises(CaffeError, match=complaint):
        make(folder, "DenseImageData")


def test_refuses_images_of_two_sizes_in_one_batch(folder: Path):
    Image.fromarray(IMAGE[:2]).save(folder / "1.png")
    Image.fromarray(LABEL[:2]).save(folder / "l1.png")
    with pytest.raises(CaffeError, match="in one batch. Fix: batch_size 1 or a crop"):
        run(make(folder, "DenseImageData", "batch_size: 2"))
