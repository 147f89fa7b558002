"""SIFT Flow: a photograph with two label maps that both count from one."""

import dataclasses
import zipfile

import numpy as np
import pytest
import scipy.io
from PIL import Image

from fcn_repro.datasets import siftflow
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import write_list

RGB = np.random.RandomState(0).randint(0, 256, (16, 16, 3), dtype=np.uint8)
SEMANTIC = (np.arange(256) % 34).reshape(16, 16).astype(np.uint8)
GEOMETRIC = (np.arange(256) % 5 - 1).reshape(16, 16).astype(np.int8)


def write_item(root, item, semantic=SEMANTIC, geometric=GEOMETRIC):
    files = siftflow.siftflow_files(root, item)
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RGB).save(str(files[0]))
    scipy.io.savemat(str(files[1]), {"S": semantic})
    scipy.io.savemat(str(files[2]), {"S": geometric})


def served(data_net, root):
    params = {"siftflow_dir": str(root), "split": "test", "seed": 1337}
    net = data_net("siftflow_layers", "SIFTFlowSegDataLayer", params, "data sem geo")
    net.forward()
    return [net.blobs[top].data.copy() for top in ("data", "sem", "geo")]


def test_facts_are_the_papers():
    facts = siftflow.SIFTFLOW
    assert facts.splits == {"trainval": 2486, "test": 200} and len(facts.class_names) == 33
    assert [facts.class_names[i] for i in (8, 10, 15)] == ["cow", "desert", "moon"]


def test_serves_bgr_minus_mean_and_both_labels_with_void_as_255(tmp_path, data_net):
    write_item(tmp_path, "coast_bea1")
    write_list(tmp_path / "test.txt", ["coast_bea1"])
    data, sem, geo = served(data_net, tmp_path)
    image_rgb = np.asarray(Image.open(str(siftflow.siftflow_files(tmp_path, "coast_bea1")[0])), np.float32)
    for c in range(3):
        np.testing.assert_array_equal(data[0, c], image_rgb[..., 2 - c] - np.float32(siftflow.MEAN_BGR[c]))
    np.testing.assert_array_equal(sem[0, 0], np.where(SEMANTIC == 0, 255, SEMANTIC - 1.0))
    np.testing.assert_array_equal(geo[0, 0], np.where(GEOMETRIC <= 0, 255, GEOMETRIC - 1.0))


@pytest.mark.parametrize(
    "labels, message",
    [
        ({"semantic": SEMANTIC + 1}, "SemanticLabels/.*label value 34; expected 0-33"),
        ({"geometric": GEOMETRIC - 1}, "GeoLabels/.*label value -2; expected -1-3"),
        ({"geometric": GEOMETRIC[1:]}, "GeoLabels/.*got 16 x 15 pixels; expected 16 x 16 pixels, as in its image"),
    ],
)
def test_refuses_labels_that_do_not_fit(tmp_path, data_net, labels, message):
    write_item(tmp_path, "coast_bea1", **labels)
    write_list(tmp_path / "test.txt", ["coast_bea1"])
    with pytest.raises(DataError, match=message):
        served(data_net, tmp_path)


@pytest.mark.parametrize("top", ["", "SiftFlowDataset/"])
def test_prepares_both_splits(tmp_path, enter_repository, data_net, top):
    mirror = tmp_path / "mirror"
    for split, items in (("trainval", ["coast_bea1", "forest_for1"]), ("test", ["street_par1"])):
        write_list(mirror / f"siftflow-{split}.txt", items)
        for item in items:
            write_item(tmp_path / "source", item)
    with zipfile.ZipFile(str(mirror / "SiftFlowDataset.zip"), "w") as archive:
        for path in (tmp_path / "source").rglob("*.*"):
            archive.write(str(path), top + str(path.relative_to(tmp_path / "source")))
    enter_repository(mirror)
    small = dataclasses.replace(siftflow.SIFTFLOW, splits={"trainval": 2, "test": 1})
    assert siftflow.prepare(small) == {"trainval": 2, "test": 1}
    for spec in (small.train, small.val):
        data_net(spec.module, spec.layer, dict(spec.params), "data sem geo").forward()
