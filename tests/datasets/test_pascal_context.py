"""PASCAL-Context: 459 labels become 59 classes and a background."""

import dataclasses
import tarfile

import numpy as np
import pytest
import scipy.io

from fcn_repro.datasets import pascal_context
from fcn_repro.datasets.pascal_context import FULL_LIST, PASCAL_CONTEXT, TASK, to_task
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import write_image, write_list

ITEM = "2007_000033"  # 30 x 20 pixels
FULL = (np.arange(600) % (FULL_LIST + 1)).reshape(20, 30).astype(np.uint16)


def write_item(pascal_dir, context_dir, name):
    write_image(pascal_dir / "VOC2010" / "JPEGImages" / f"{name}.jpg", ITEM)
    (context_dir / "trainval").mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(str(context_dir / "trainval" / f"{name}.mat"), {"LabelMap": FULL})


def test_facts_are_the_papers():
    assert PASCAL_CONTEXT.splits == {"train": 4998, "val": 5105}
    assert len(PASCAL_CONTEXT.class_names) == 60 and PASCAL_CONTEXT.labels == tuple(range(60))
    assert PASCAL_CONTEXT.class_names[42:46] == ("curtain", "platform", "sign", "plate")


def test_the_task_names_59_different_labels_of_the_full_list():
    assert len(TASK) == len(set(TASK.values())) == 59
    assert all(1 <= label <= FULL_LIST for label in TASK.values())


def test_every_label_outside_the_task_is_background():
    full = np.arange(FULL_LIST + 1).reshape(1, -1)
    expected = [list(TASK.values()).index(v) + 1 if v in TASK.values() else 0 for v in range(FULL_LIST + 1)]
    np.testing.assert_array_equal(to_task(full)[0], expected)


def test_serves_the_tasks_labels(tmp_path, data_net):
    write_item(tmp_path / "pascal", tmp_path / "context", ITEM)
    write_list(pascal_context.voc2010_list(tmp_path / "pascal", "val"), [ITEM])
    params = {"voc_dir": str(tmp_path / "pascal"), "context_dir": str(tmp_path / "context"), "split": "val"}
    net = data_net("pascalcontext_layers", "PASCALContextSegDataLayer", params)
    net.forward()
    assert net.blobs["data"].data.shape == (1, 3, 20, 30)
    label = net.blobs["label"].data[0, 0]
    for task, full in enumerate(TASK.values(), start=1):
        np.testing.assert_array_equal(label == task, full == FULL)


def test_refuses_labels_outside_the_full_list(tmp_path, data_net):
    write_item(tmp_path / "pascal", tmp_path / "context", ITEM)
    scipy.io.savemat(str(tmp_path / "context" / "trainval" / f"{ITEM}.mat"), {"LabelMap": FULL + 1})
    write_list(pascal_context.voc2010_list(tmp_path / "pascal", "val"), [ITEM])
    params = {"voc_dir": str(tmp_path / "pascal"), "context_dir": str(tmp_path / "context"), "split": "val"}
    with pytest.raises(DataError, match=r"label value 460; expected 0-459\n.*make data-pascalcontext"):
        data_net("pascalcontext_layers", "PASCALContextSegDataLayer", params)


def test_prepares_both_splits_from_both_archives(tmp_path, enter_repository, data_net):
    pascal, context, mirror = (tmp_path / name for name in ("pascal", "context", "mirror"))
    for split, names in (("train", ["a"]), ("val", ["b", "c"])):
        write_list(pascal_context.voc2010_list(pascal, split), names)
        for name in names:
            write_item(pascal, context, name)
    mirror.mkdir()
    with tarfile.open(str(mirror / "VOCtrainval_03-May-2010.tar"), "w") as tar:
        tar.add(str(pascal), "VOCdevkit")
    with tarfile.open(str(mirror / "trainval.tar.gz"), "w:gz") as tar:
        tar.add(str(context), ".")
    enter_repository(mirror)
    small = dataclasses.replace(PASCAL_CONTEXT, splits={"train": 1, "val": 2})
    assert pascal_context.prepare(small) == {"train": 1, "val": 2}
    for spec in (small.train, small.val):
        data_net(spec.module, spec.layer, dict(spec.params)).forward()
