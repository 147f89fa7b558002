"""Stand-in trees and archives, and nets that read them."""

import csv
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fcn_repro import datasets
from fcn_repro.datasets.download import fetch
from tests.fixtures.dataset_trees import (
    MEAN,
    SIZES,
    make_label,
    write_image,
    write_label_mat,
    write_label_png,
    write_list,
)

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def voc_dir(tmp_path: Path) -> Path:
    """A VOC tree whose split lists are `train`, `val` and `seg11valid`, each of all three images."""
    root = tmp_path / "data" / "pascal" / "VOC2011"
    for item in SIZES:
        write_image(root / "JPEGImages" / f"{item}.jpg", item)
        write_label_png(root / "SegmentationClass" / f"{item}.png", make_label(item, void=True))
    for split in ("train", "val", "seg11valid"):
        write_list(root / "ImageSets" / "Segmentation" / f"{split}.txt", list(SIZES))
    return root


@pytest.fixture
def sbdd_dir(tmp_path: Path) -> Path:
    """An SBD tree whose split lists are `train` and `val`, each of all three images."""
    root = tmp_path / "data" / "sbdd" / "dataset"
    for item in SIZES:
        write_image(root / "img" / f"{item}.jpg", item)
        write_label_mat(root / "cls" / f"{item}.mat", make_label(item, void=False))
    for split in ("train", "val"):
        write_list(root / f"{split}.txt", list(SIZES))
    return root


@pytest.fixture
def repository_path() -> dict[str, str]:
    """An environment in which programs of the repository run from any working directory."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def enter_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Enters an empty repository whose catalogues expect the files of a mirror, and sets MIRROR."""

    def enter(mirror: Path) -> None:
        (tmp_path / "repository" / "data").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "repository")
        monkeypatch.setenv("MIRROR", str(mirror))
        for path in fetch.CATALOGUES:
            with open(str(REPOSITORY / path), encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            for row in rows:
                stand_in = mirror / row["file"]
                row["digest"] = "md5:" + hashlib.md5(stand_in.read_bytes()).hexdigest() if stand_in.exists() else ""
            with open(str(path), "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)

    return enter


@pytest.fixture
def data_net(tmp_path: Path) -> Callable:
    """Builds a net with one data layer only, in the engine of the tests: from a spec, or from its three parts."""
    from fcn_repro.engine import caffe

    datasets.register()

    def build(spec, layer="", params=None, tops: str = "data label") -> caffe.Net:
        module, layer, params = (spec, layer, params) if layer else (spec.module, spec.layer, dict(spec.params))
        prototxt = tmp_path / "net.prototxt"
        top = " ".join(f'top: "{name}"' for name in tops.split())
        prototxt.write_text(
            f'layer {{ name: "data" type: "Python" {top} python_param '
            f'{{ module: "{module}" layer: "{layer}" param_str: "{params}" }} }}'
        )
        return caffe.Net(str(prototxt), caffe.TRAIN)

    return build


@pytest.fixture
def voc_net(data_net: Callable, voc_dir: Path) -> Callable:
    """Builds a net over a split of `voc_dir`, with further options."""

    def build(split: str = "train", tops: str = "data label", **options: object):
        params = {"voc_dir": str(voc_dir), "split": split, "mean": MEAN, "seed": 1337, **options}
        return data_net("voc_layers", "VOCSegDataLayer", params, tops)

    return build


@pytest.fixture
def serve() -> Callable:
    """Runs forward passes, and returns copies of the tops of each."""

    def forward(net, times: int) -> list[list[np.ndarray]]:
        return [net.forward() and [blob.data.copy() for blob in net.blobs.values()] for _ in range(times)]

    return forward
