"""NYUDv2 from its authors' files: stand-ins with the axes, types and crop of the real ones."""

import h5py
import numpy as np
import pytest
import scipy.io

from fcn_repro.datasets import file_readers, hha, nyud, nyud_labeled
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import write_list

LISTED = {"train": 1, "val": 1, "test": 1}
CROP = np.s_[45:470, 40:600]
RNG = np.random.RandomState(0)
IMAGES = RNG.randint(0, 256, (3, 480, 640, 3), dtype=np.uint8)
Y, X = np.mgrid[:480, :640]
DEPTHS = np.stack([1.5 + n + (X + 2 * Y) / 1000 for n in range(3)]).astype(np.float32)
RAW = np.where(RNG.random_sample(DEPTHS.shape) < 0.1, 0, DEPTHS)
LABELS = ((X + 3 * Y) % 41 + np.zeros((3, 1, 1), int)).astype(np.uint8)


def write_labeled(path, **more):
    arrays = {"images": IMAGES.transpose(0, 3, 2, 1), "depths": DEPTHS.transpose(0, 2, 1), **more}
    with h5py.File(str(path), "w", userblock_size=512) as file:
        for name, array in {"rawDepths": RAW.transpose(0, 2, 1), **arrays}.items():
            file[name] = array


def write_splits(path, train=(1, 3), test=(2,)):
    scipy.io.savemat(str(path), {"trainNdxs": np.array([train]).T, "testNdxs": np.array([test]).T})


@pytest.fixture
def downloads(tmp_path, enter_repository):
    """A repository, entered, whose three files lie where a person would put them."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    write_labeled(mirror / "nyu_depth_v2_labeled.mat")
    scipy.io.savemat(str(mirror / "labels40.mat"), {"labels40": LABELS.transpose(1, 2, 0)})
    write_splits(mirror / "splits.mat")
    for split, item in (("train", 5003), ("val", 5001), ("test", 5002)):
        write_list(mirror / f"nyud-{split}.txt", [item])
    enter_repository(mirror)
    mirror.rename("data/downloads")
    return tmp_path / "repository/data/downloads"


@pytest.fixture
def prepared(downloads):
    assert nyud.prepare(LISTED) == {"trainval": 2, "test": 1}
    return nyud.nyud_files(nyud.NYUD_DIR, "5003")


def test_trainval_is_the_references_train_then_its_val(prepared):
    """The authors' split is in the order of the numbers: 5001, 5003."""
    assert (nyud.NYUD_DIR / "trainval.txt").read_text() == "5003\n5001\n"
    assert (nyud.NYUD_DIR / "test.txt").read_text() == "5002\n"


def test_a_trainval_in_the_authors_order_is_put_right(prepared):
    path = nyud.NYUD_DIR / "trainval.txt"
    path.write_text("5001\n5003\n")
    nyud.prepare(LISTED)
    assert path.read_text() == "5003\n5001\n"


def test_refuses_authors_splits_of_other_images(downloads):
    write_list(nyud.NYUD_DIR / "train.txt", [5004])
    with pytest.raises(DataError, match="splits.mat: got another trainval than .*trainval.txt: 5003 is in one of them"):
        nyud.prepare(LISTED)


def test_pictures_are_cropped_and_upright(prepared):
    np.testing.assert_array_equal(file_readers.read_rgb(prepared["color"]), IMAGES[2][CROP])
    np.testing.assert_array_equal(file_readers.read_depth(prepared["depth"]), np.round(1000 * DEPTHS[2][CROP]))
    np.testing.assert_array_equal(file_readers.read_mat(prepared["label"], "segmentation"), LABELS[2][CROP])


def test_hha_is_encoded_from_filled_depth_with_planes_from_what_was_measured(prepared):
    camera = hha.NYUD_CAMERA.crop(left=40, top=45)
    expected = hha.encode(DEPTHS[2][CROP], camera, measured=RAW[2][CROP] > 0)
    np.testing.assert_array_equal(file_readers.read_rgb(prepared["hha"]), expected)


def test_the_data_layer_reads_what_was_written(prepared, data_net):
    params = {"nyud_dir": str(nyud.NYUD_DIR), "split": "test", "tops": list(nyud.TOPS), "seed": 1337}
    net = data_net("nyud_layers", "NYUDSegDataLayer", params, " ".join(nyud.TOPS))
    net.forward()
    shapes = {top: net.blobs[top].data.shape[1:] for top in nyud.TOPS}
    assert shapes == {top: (3 if top in ("color", "hha") else 1, 425, 560) for top in nyud.TOPS}
    mean_mm = np.exp(net.blobs["depth"].data.mean() + nyud.MEAN_LOG_DEPTH)
    assert 2500 < mean_mm < 4000


def test_only_what_is_missing_is_written_again(prepared):
    other = nyud.nyud_files(nyud.NYUD_DIR, "5001")["hha"]
    before = other.stat().st_mtime_ns
    prepared["hha"].unlink()
    nyud.prepare(LISTED)
    assert prepared["hha"].is_file()
    assert other.stat().st_mtime_ns == before


def test_refuses_another_number_of_pictures_than_known(downloads):
    with pytest.raises(DataError, match="train.txt: got 1 images; expected 381"):
        nyud.prepare()


def test_refuses_splits_that_share_a_picture(downloads):
    write_splits(downloads / "splits.mat", test=(3,))
    with pytest.raises(DataError, match="splits.mat: 5003 is in train and in test"):
        nyud_labeled.read_splits(downloads / "splits.mat")


def refusal(downloads, item="5001"):
    paths = [downloads / name for name in ("nyu_depth_v2_labeled.mat", "labels40.mat")]
    with pytest.raises(DataError) as refused:
        nyud_labeled.write_items(*paths, {item: nyud.nyud_files(downloads / "nyud", item)})
    return str(refused.value)


def test_refuses_a_picture_that_is_not_there(downloads):
    assert "labels40.mat: got 3 images, from 5001; expected 5004 among them" in refusal(downloads, "5004")


def test_refuses_axes_in_another_order(downloads):
    write_labeled(downloads / "nyu_depth_v2_labeled.mat", depths=DEPTHS)
    assert "got depths of shape (3, 480, 640); expected an image axis, then (640, 480)" in refusal(downloads)


def test_refuses_a_file_without_raw_depth(downloads):
    with h5py.File(str(downloads / "nyu_depth_v2_labeled.mat"), "a") as file:
        del file["rawDepths"]
    assert "got rawDepths of shape None" in refusal(downloads)


@pytest.mark.parametrize("name", ["nyu_depth_v2_labeled.mat", "labels40.mat"])
def test_refuses_damaged_files(downloads, name):
    (downloads / name).write_bytes(b"nothing of the kind")
    assert f"{name}: damaged, or not a" in refusal(downloads)


def test_refuses_labels_of_another_size(downloads):
    scipy.io.savemat(str(downloads / "labels40.mat"), {"labels40": LABELS})
    assert "labels40 of shape (3, 480, 640); expected (480, 640)" in refusal(downloads)


@pytest.mark.parametrize("hole", [0, -1, np.nan, 70])
def test_refuses_depth_that_is_missing_and_counts_the_pixels(downloads, hole):
    depths = DEPTHS.copy()
    depths[2, 100, 100:103] = hole
    write_labeled(downloads / "nyu_depth_v2_labeled.mat", depths=depths.transpose(0, 2, 1))
    with pytest.raises(DataError, match="depths of image 5003: got 3 pixels that are NaN, .*expected filled holes"):
        nyud_labeled.write_items(
            downloads / "nyu_depth_v2_labeled.mat",
            downloads / "labels40.mat",
            {"5003": nyud.nyud_files(nyud.NYUD_DIR, "5003")},
        )
