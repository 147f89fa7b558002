"""NYUDv2: four kinds of tops, labels from one, depth in logarithms."""

import tarfile

import numpy as np
import pytest
import scipy.io
from PIL import Image

from fcn_repro.datasets import DATASETS, nyud
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import write_list

H, W = 12, 16
RNG = np.random.RandomState(0)
RGB = RNG.randint(0, 256, (H, W, 3), dtype=np.uint8)
HHA = RNG.randint(0, 256, (H, W, 3), dtype=np.uint8)
DEPTH_MM = RNG.randint(500, 9000, (H, W)).astype(np.uint16)
LABEL = (np.arange(H * W) % 41).reshape(H, W).astype(np.uint16)


def write_item(root, item):
    for part in ("data/images", "data/depth", "data/hha", "segmentation"):
        (root / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(RGB).save(str(root / f"data/images/img_{item}.png"))
    Image.fromarray(HHA).save(str(root / f"data/hha/img_{item}.png"))
    Image.fromarray(DEPTH_MM).save(str(root / f"data/depth/img_{item}.png"))
    scipy.io.savemat(str(root / f"segmentation/img_{item}.mat"), {"segmentation": LABEL})


@pytest.fixture
def nyud_dir(tmp_path):
    root = tmp_path / "nyud"
    write_item(root, 5001)
    write_list(root / "test.txt", [5001])
    return root


def served(data_net, nyud_dir, *tops, **more):
    params = {"nyud_dir": str(nyud_dir), "split": "test", "tops": list(tops), "seed": 1337, **more}
    net = data_net("nyud_layers", "NYUDSegDataLayer", params, " ".join(tops))
    net.forward()
    return [net.blobs[top].data.copy() for top in tops]


def test_facts_are_the_papers():
    for name in ("nyud-color", "nyud-hha", "nyud-color-d", "nyud-color-hha"):
        facts = DATASETS[name]
        assert facts.name == "nyud" and facts.splits == {"trainval": 795, "test": 654} and len(facts.class_names) == 40
    assert DATASETS["nyud-color-d"].train.params["tops"] == ["color", "depth", "label"]


def test_serves_the_tops_that_are_asked_for_in_their_order(nyud_dir, data_net):
    label, hha, depth, color = served(data_net, nyud_dir, "label", "hha", "depth", "color")
    float32 = np.float32
    for c in range(3):
        np.testing.assert_array_equal(color[0, c], float32(RGB[..., 2 - c]) - float32(nyud.MEAN_COLOR[c]))
        np.testing.assert_array_equal(hha[0, c], float32(HHA[..., c]) - float32(nyud.MEAN_HHA[c]))
    np.testing.assert_array_equal(depth[0, 0], np.log(float32(DEPTH_MM)) - float32(7.844))
    np.testing.assert_array_equal(label[0, 0], np.where(LABEL == 0, 255, LABEL - 1.0))


def test_takes_another_colour_mean(nyud_dir, data_net):
    (color,) = served(data_net, nyud_dir, "color", mean=(1.5, 2.5, 3.5))
    np.testing.assert_array_equal(color[0, 0], RGB[..., 2] - np.float32(1.5))


def test_refuses_depth_with_holes(nyud_dir, data_net):
    with_holes = DEPTH_MM.copy()
    with_holes[2, 3:6] = 0
    Image.fromarray(with_holes).save(str(nyud_dir / "data/depth/img_5001.png"))
    with pytest.raises(DataError, match=r"img_5001.png: got 3 pixels of depth 0.*\n.*make data-nyud"):
        served(data_net, nyud_dir, "depth", "label")


def test_refuses_depth_in_colours(nyud_dir, data_net):
    Image.fromarray(RGB).save(str(nyud_dir / "data/depth/img_5001.png"))
    with pytest.raises(DataError, match="got an image of mode RGB; expected depth, one channel"):
        served(data_net, nyud_dir, "depth")


def test_refuses_tops_of_unequal_size(nyud_dir, data_net):
    Image.fromarray(HHA[1:]).save(str(nyud_dir / "data/hha/img_5001.png"))
    with pytest.raises(
        DataError, match=r"hha/img_5001.png: got 16 x 11 pixels; expected 16 x 12 pixels, as in .*images"
    ):
        served(data_net, nyud_dir, "color", "hha", "label")


def test_missing_hha_is_named_with_the_program_that_encodes_it(nyud_dir, data_net):
    (nyud_dir / "data/hha/img_5001.png").unlink()
    with pytest.raises(DataError, match=r"hha/img_5001.png: missing.*tools.hha .*/depth/\*.png --out .*/hha"):
        served(data_net, nyud_dir, "hha", "label")


def test_refuses_labels_beyond_the_fortieth(nyud_dir, data_net):
    scipy.io.savemat(str(nyud_dir / "segmentation/img_5001.mat"), {"segmentation": LABEL + 1})
    with pytest.raises(DataError, match="label value 41; expected 0-40"):
        served(data_net, nyud_dir, "label")


def test_refuses_an_unknown_top(nyud_dir, data_net):
    with pytest.raises(ValueError, match="got the top 'colour'; expected some of color, depth, hha, label"):
        served(data_net, nyud_dir, "colour")


def test_prepares_both_splits_and_joins_train_and_val(tmp_path, enter_repository, data_net, monkeypatch):
    mirror = tmp_path / "mirror"
    for item in (5001, 5002, 5003, 5004):
        write_item(tmp_path / "nyud", item)
    for split, items in (("train", [5003]), ("val", [5001]), ("test", [5004, 5002])):
        write_list(mirror / f"nyud-{split}.txt", items)
    with tarfile.open(str(mirror / "nyud.tar.gz"), "w:gz") as tar:
        tar.add(str(tmp_path / "nyud"), "nyud")
    enter_repository(mirror)
    assert nyud.prepare({"train": 1, "val": 1, "test": 2}) == {"trainval": 2, "test": 2}
    assert (nyud.NYUD_DIR / "trainval.txt").read_text() == "5003\n5001\n"
    spec = DATASETS["nyud-color"].train
    net = data_net(spec.module, spec.layer, dict(spec.params), "data label")
    assert net.layers[0].items == ("5003", "5001")
    with pytest.raises(DataError, match="train.txt: got 1 images; expected 381"):
        nyud.prepare()
    write_list(nyud.NYUD_DIR / "val.txt", [5004])
    with pytest.raises(DataError, match="5004 is in val and in test"):
        nyud.prepare({"train": 1, "val": 1, "test": 2})
