"""Released weights come from their own sources, else from a converted copy that is named, else nowhere."""

import csv
import hashlib
import logging

import numpy as np
import pytest

from fcn_repro.datasets.download import fetch, transfer
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.find_weights import CONVERTED, fetch_weights
from fcn_repro.model.weights_origin import read_origin
from tests.fixtures import foreign_weights as foreign
from tests.fixtures.loopback import serving, unused_address

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 8, 8] } } }
layer { name: "conv1_1" type: "Convolution" bottom: "data" top: "a" convolution_param { num_output: 5 kernel_size: 3 } }
layer { name: "fc6" type: "InnerProduct" bottom: "a" top: "b" inner_product_param { num_output: 4 } }
"""
COLUMNS = ["name", "url", "file", "bytes", "digest", "licence", "note", "instead_of", "differs"]


@pytest.fixture
def www(tmp_path):
    (tmp_path / "www").mkdir()
    with serving(tmp_path / "www") as server:
        yield server


@pytest.fixture
def prototxt(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    return tmp_path / "net.prototxt"


@pytest.fixture
def weights(prototxt):
    return foreign.fill(caffe.Net(str(prototxt), caffe.TEST))


@pytest.fixture
def catalogue(tmp_path, www, monkeypatch):
    """Writes a catalogue of the weights `net`, whose source is dead, and of copies: names of the server's files."""
    root = tmp_path / "repository"
    (root / "data").mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.delenv("MIRROR", raising=False)
    transfer.DEAD_HOSTS.clear()

    def write(*copies, differs=""):
        rows = {path: [COLUMNS] for path in fetch.CATALOGUES}
        rows[fetch.CATALOGUES[1]].append(["net", f"{unused_address()}/net.caffemodel", "net.caffemodel", *[""] * 6])
        for file in copies:
            row = [file, f"{www.address}/{file}", file, "", digest(www.folder / file), "free", "a copy", "net", differs]
            rows[fetch.CATALOGUES[-1]].append(row)
        for path, lines in rows.items():
            with open(path, "w", newline="") as table:
                csv.writer(table).writerows(lines)

    return write


def digest(path):
    return f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}" if path.exists() else ""


def test_the_next_copy_replaces_a_missing_a_damaged_and_another_net(www, catalogue, prototxt, weights, caplog):
    (www.folder / "damaged.npz").write_bytes(b"PK\3\4 damaged")
    foreign.write_chainer(www.folder / "other.npz", {**weights, "fc6": [np.zeros((9, 9), np.float32)]})
    foreign.write_toronto(www.folder / "good.npz", weights)
    catalogue("gone.npz", "damaged.npz", "other.npz", "good.npz", differs="an older release")
    with caplog.at_level(logging.WARNING):
        path = fetch_weights("net", lambda: prototxt)
    assert path == CONVERTED / "net.caffemodel"
    messages = [record.getMessage() for record in caplog.records if "Trying a converted copy" in record.getMessage()]
    for message, reason in zip(messages, ("unreachable", "got 404", "damaged.npz: ", "other.npz: "), strict=True):
        assert reason in message
    origin = "imported: good.npz, NumPy .npz, Toronto's port to TensorFlow; an older release"
    assert caplog.records[-1].getMessage() == f"{path}: {origin}" == f"{path}: {read_origin(path)}"
    net = caffe.Net(str(prototxt), caffe.TEST, weights=str(path))
    assert np.array_equal(net.params["conv1_1"][0].data, weights["conv1_1"][0])


def test_a_copy_made_before_is_used_without_asking_and_the_original_once_it_is_there(
    www, catalogue, prototxt, weights, monkeypatch
):
    foreign.write_chainer(www.folder / "good.npz", weights)
    catalogue("good.npz")
    path = fetch_weights("net", lambda: prototxt)
    before = path.read_bytes()
    monkeypatch.setattr(transfer, "open_address", lambda *_: pytest.fail("asked again"))
    assert fetch_weights("net", lambda: pytest.fail("made again")).read_bytes() == before
    original = fetch.DOWNLOADS / "net.caffemodel"
    original.write_bytes(b"the original")
    assert fetch_weights("net", lambda: prototxt) == original


def test_a_wrong_original_on_disk_is_reported_and_no_copy_taken_instead(catalogue, prototxt):
    catalogue("good.npz")
    fetch.DOWNLOADS.mkdir()
    (fetch.DOWNLOADS / "net.caffemodel").write_bytes(b"first")
    fetch_weights("net", lambda: prototxt)
    (fetch.DOWNLOADS / "net.caffemodel").write_bytes(b"changed")
    with pytest.raises(DataError, match="This file was not changed"):
        fetch_weights("net", lambda: prototxt)
    assert not CONVERTED.exists()


def test_without_any_source_every_reason_is_given(catalogue, prototxt):
    catalogue("gone.npz", "lost.npz")
    with pytest.raises(DataError) as refused:
        fetch_weights("net", lambda: prototxt)
    for text in ("net.caffemodel: unreachable", "gone.npz: got 404", "lost.npz: got 404", "Fix: put net.caffemodel"):
        assert text in str(refused.value)
    assert not CONVERTED.exists()
