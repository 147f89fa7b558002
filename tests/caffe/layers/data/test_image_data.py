from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fcn_repro.caffe import CaffeError
from fcn_repro.caffe.data_transformer import resize
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random import rng
from tests.fixtures.layers.one_layer import OneLayer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(5):
        rgb = np.zeros((4, 6, 3), np.uint8) + np.uint8([10 * index, 1, 2])
        Image.fromarray(rgb).save(tmp_path / f"image {index}.png")
    (tmp_path / "list.txt").write_text("".join(f"image {index}.png {index}\n" for index in range(5)))
    return tmp_path


def layer(folder: Path, more: str = "batch_size: 2", transform: str = "", phase: int = caffe_pb2.TRAIN) -> OneLayer:
    rng.set_random_seed(1)
    return OneLayer(
        "ImageData",
        (),
        f'image_data_param {{ source: "{folder / "list.txt"}" root_folder: "{folder}/" {more} }} '
        f"transform_param {{ {transform} }}",
        tops=2,
        phase=phase,
    )


def labels(built: OneLayer) -> list[float]:
    """The labels of the next batch."""
    built.forward()
    return built.top[1].data.tolist()


def test_reads_images_in_order_as_blue_green_red(folder):
    built = layer(folder)
    assert built.forward().shape == (2, 3, 4, 6)
    assert built.top[0].data[1, :, 0, 0].tolist() == [2, 1, 10]
    assert built.top[1].data.tolist() == [0, 1]
    assert [labels(built) for _ in range(2)] == [[2, 3], [4, 0]]


def test_shuffles_at_the_start_and_after_each_pass(folder):
    built = layer(folder, "batch_size: 5 shuffle: true")
    passes = [labels(built) for _ in range(3)]
    assert all(sorted(labelled) == [0, 1, 2, 3, 4] for labelled in passes)
    assert len({tuple(labelled) for labelled in passes}) > 1


def test_skips_fewer_images_than_rand_skip(folder):
    built = layer(folder, "batch_size: 1 rand_skip: 3")
    built.forward()
    assert built.top[1].data[0] in (0, 1, 2)


def test_crops_the_centre_in_test_and_subtracts_the_mean_before_scaling(folder):
    built = layer(folder, "batch_size: 1", "crop_size: 2 mean_value: 1 scale: 0.5", caffe_pb2.TEST)
    assert built.forward()[0, :, 0, 0].tolist() == [0.5, 0, -0.5]
    assert built.top[0].dims == (1, 3, 2, 2)


def test_reads_grey_images_of_another_size(folder):
    assert layer(folder, "batch_size: 1 is_color: false new_height: 3 new_width: 5").forward().shape == (1, 1, 3, 5)


def test_resizing_interpolates_a_ramp_linearly():
    ramp = np.uint8(np.arange(0, 200, 20))[None, None].repeat(4, 1)
    assert resize(ramp, 4, 20)[0, 0].tolist() == [0, 5, *range(15, 180, 10), 180][:20]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("new_height: 3", "expected both or neither"),
        ("batch_size: 0", "got batch_size 0"),
        ("new_height: 3 new_width: 2000000000", "resizes to 3 x 2000000000; expected at most 32767 pixels per side"),
    ],
)
def test_refuses_invalid_sizes_and_empty_batches(folder, more, message):
    with pytest.raises(CaffeError, match=message):
        layer(folder, more)


def test_names_a_missing_image(folder):
    (folder / "image 0.png").unlink()
    with pytest.raises(CaffeError, match="Could not load .*image 0.png"):
        layer(folder)


@pytest.mark.parametrize(
    ("line", "label"),
    [
        (b"image 1.png 3", 3), (b"image 1.png -2", -2), (b"image 1.png 3\r", 3), (b"image 1.png 3.7", 3),
        (b"image 1.png \t4", 4), (b"image 1.png cat", 0), (b"image 1.png ", 0), (b"one.png", 0),
        (b"line\x0bfeed.png 6", 6), (b"line\xc2\x85end.png 7", 7),
    ],
)  # fmt: skip
def test_a_line_is_split_at_its_last_blank_and_its_label_read_as_atoi_does(folder, line, label, caplog):
    for name in ("one.png", "line\x0bfeed.png", "line\x85end.png"):
        Image.new("RGB", (6, 4)).save(folder / name)
    (folder / "list.txt").write_bytes(line + b"\n")
    assert labels(layer(folder, "batch_size: 1")) == [label]
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert bool(warned) == (label == 0) and all("list.txt:1: got the label" in message for message in warned)


@pytest.mark.parametrize("line", [b"image 1.png 1 2", b"", b"image 1.png", b"image\x00 1.png 3", b"image\t1.png\t3"])
def test_a_line_that_names_no_image_is_named_by_file_and_line(folder, line):
    (folder / "list.txt").write_bytes(b"image 0.png 0\n" + line + b"\nimage 2.png 2\n")
    with pytest.raises(CaffeError, match=r"list\.txt:2: Could not load .*one label"):
        layer(folder, "batch_size: 3").forward()


def test_a_list_needs_no_newline_at_its_end(folder):
    (folder / "list.txt").write_bytes(b"image 0.png 8")
    assert labels(layer(folder)) == [8, 8]
