"""`make voc-fcn8s` from sources alone: the first source of every file is dead, and VGG-16 is there only as a copy."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from fcn_repro.datasets.download import fetch
from fcn_repro.engine import caffe
from tests.fixtures import foreign_weights as foreign
from tests.fixtures.dataset_trees import (
    SIZES,
    make_label,
    write_image,
    write_label_mat,
    write_label_png,
    write_list,
)
from tests.fixtures.loopback import serving, unused_address

REPOSITORY = Path(__file__).parents[2]
STAGES = ("voc-fcn32s", "voc-fcn16s", "voc-fcn8s")
# The nets at an eighth of their width, a few steps of training, three images: in every process that make starts.
NARROW = """
from dataclasses import replace
from fcn_repro.datasets import voc

voc.VOC = replace(voc.VOC, splits={"train": 1, "seg11valid": 2})  # before the table of data sets is built
voc.prepare.__defaults__ = (voc.VOC,)
from nets import ilsvrc
from solvers import experiments

vgg16 = ilsvrc.CLASSIFIERS["vgg16"]
ilsvrc.CLASSIFIERS["vgg16"] = replace(vgg16, style=replace(vgg16.style, width=1 / 8))
for name in ("voc-fcn32s", "voc-fcn16s", "voc-fcn8s"):
    row = experiments.TABLE[name]
    narrow = replace(row, net=row.net.replace("vgg16-", "vgg16-mini-"), iterations=(1, 1), seed=1)
    experiments.TABLE[name] = narrow
"""

AT_START = """
import sys
if any(argument.startswith(("tools.", "-c")) for argument in sys.orig_argv):  # make itself reads the tables only
    import narrow
"""


@pytest.fixture
def www(tmp_path):
    """The files, in the layout of the real ones, and the weights that VGG-16's copy holds."""
    voc, sbd, www = tmp_path / "voc", tmp_path / "sbd", tmp_path / "www"
    for item in SIZES:
        for folder in (voc / "JPEGImages", sbd / "img"):
            write_image(folder / f"{item}.jpg", item)
        write_label_png(voc / "SegmentationClass" / f"{item}.png", make_label(item, void=True))
        write_label_mat(sbd / "cls" / f"{item}.mat", make_label(item, void=False))
    for split in ("train", "val"):
        write_list(voc / "ImageSets" / "Segmentation" / f"{split}.txt", list(SIZES))
        write_list(sbd / f"{split}.txt", ["2007_000042"])
    www.mkdir()
    for name, folder, place in (
        ("voc.tar", voc, "TrainVal/VOCdevkit/VOC2011"),
        ("sbd.tar", sbd, "benchmark_RELEASE/dataset"),
    ):
        with tarfile.open(www / name, "w") as tar:
            tar.add(folder, place)
    with serving(www) as server:
        yield server


@pytest.fixture
def repository(tmp_path, www):
    """A clone whose tables name the server, and whose nets are narrow."""
    root = tmp_path / "repository"
    (root / "data").mkdir(parents=True)
    for name in ("fcn_repro", "nets", "solvers", "tools"):
        (root / name).symlink_to(REPOSITORY / name)
    shutil.copy(REPOSITORY / "Makefile", root)
    (tmp_path / "narrow").mkdir()
    (tmp_path / "narrow" / "sitecustomize.py").write_text(AT_START)
    (tmp_path / "narrow" / "narrow.py").write_text(NARROW)
    (root / "data" / "paper").symlink_to(REPOSITORY / "data" / "paper")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path / 'narrow'}:{root}", "OMP_NUM_THREADS": "1"}
    for name in ("MIRROR", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        environment.pop(name, None)
    copy = "import sys; sys.path.insert(0, '.'); from solvers.emit import emit_classifier; emit_classifier('vgg16')"
    subprocess.run([sys.executable, "-c", copy], cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
    net = caffe.Net(str(root / "build/ilsvrc/vgg16/deploy.prototxt"), caffe.TEST)
    weights = foreign.fill(net)
    foreign.write_keras(www.folder / "vgg16.h5", weights)
    write_tables(root, www)
    return root, environment, weights


def write_tables(root, www):
    dead = unused_address()
    columns = ["name", "url", "file", "bytes", "digest", "licence", "note", "instead_of", "differs"]

    def row(name, file, served="", instead_of=""):
        digest = hashlib.md5((www.folder / served).read_bytes()).hexdigest() if served else "0" * 32
        return [name, f"{dead}/{file}", file, "", f"md5:{digest}", "free", "a copy", instead_of, ""]

    files = {
        "archives": [
            row("voc2011", "VOCtrainval_25-May-2011.tar", "voc.tar"),
            row("voc2012", "VOCtrainval_11-May-2012.tar"),
            row("sbd", "benchmark.tgz"),
        ],
        "weights": [row("vgg16", "VGG_ILSVRC_16_layers.caffemodel")],
        "packages": [],
        "converted": [
            row("vgg16-pytorch", "vgg16_from_caffe.pth", "", "vgg16"),
            row("vgg16-keras", "vgg16.h5", "vgg16.h5", "vgg16"),
        ],
    }
    other_packing = "md5:" + hashlib.md5((www.folder / "sbd.tar").read_bytes()).hexdigest()
    sources = [
        ["voc2011", "mirror", f"{www.address}/voc.tar", "", ""],
        ["sbd", "mirror", f"{www.address}/sbd.tar", other_packing, ""],
        ["vgg16-keras", "mirror", f"{www.address}/vgg16.h5", "", ""],
    ]
    tables = {root / path: [columns, *files[path.stem]] for path in fetch.CATALOGUES}
    tables[root / fetch.SOURCES] = [["name", "source", "url", "digest", "fetched"], *sources]
    for path, rows in tables.items():
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows(rows)


@pytest.mark.slow  # make test-make: a minute
def test_make_trains_all_stages_from_the_sources_that_answer(repository, www):
    root, environment, weights = repository
    make = ["make", "voc-fcn8s", f"RUN={sys.executable}", "NEEDS=", f"PYTHON={sys.executable}", "GPU=-1"]
    run = subprocess.run(make, cwd=root, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    for file, served in (
        ("VOCtrainval_25-May-2011.tar", "voc.tar"),
        ("benchmark.tgz", "sbd.tar"),
        ("vgg16.h5", "vgg16.h5"),
    ):
        assert f"{file}: downloaded from mirror, {www.address}/{served}" in run.stderr
    assert "Trying a converted copy: vgg16-keras" in run.stderr
    for stage in STAGES:
        report = json.loads((root / "build" / stage / "score.json").read_text())
        assert report["trained"] == 1 and report["scores"]["score"]["mean_iu"] is not None
        (init,) = report["init"]
        assert init["origin"] == "imported: vgg16.h5, Keras HDF5, Keras"
    found = caffe.Net(
        str(root / "build/ilsvrc/vgg16-fcn/deploy.prototxt"),
        caffe.TEST,
        weights=str(root / "build/vgg16-fcn.caffemodel"),
    )
    for name, pair in weights.items():
        assert np.array_equal(found.params[name][0].data.ravel(), pair[0].ravel()), name
