import json
import subprocess

import numpy as np
import pytest
from PIL import Image

from fcn_repro import datasets, metrics
from fcn_repro.engine import caffe
from fcn_repro.heads import heads
from fcn_repro.score import Score, commit, headline, read_score, seg_tests, sha256, write_score
from tests.tiny_run import SIZES, write_run

HIST = np.array([[6, 0, 2, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path)


@pytest.fixture
def net(folder):
    """The tiny run's validation net, with weights that predict this and that."""
    datasets.register()
    net = caffe.Net(str(folder.val), caffe.TEST)
    random = np.random.default_rng(0)
    for name in ("score_fr", "upscore"):
        for blob in net.params[name]:
            blob.data[...] = random.normal(size=blob.data.shape)
    return net


def test_scores_of_a_split_agree_with_a_count_over_its_files(net, folder, tmp_path):
    score = seg_tests(net, heads(folder.val), pictures=tmp_path / "pictures")["score"]
    expected = np.zeros((21, 21), int)
    for i in range(len(SIZES)):
        truth = np.asarray(Image.open(tmp_path / f"VOC/SegmentationClass/2011_00000{i}.png"))
        prediction = np.asarray(Image.open(tmp_path / f"pictures/2011_00000{i}.png"))
        for pixel in np.ndindex(truth.shape):
            if truth[pixel] != 255:
                expected[truth[pixel], prediction[pixel]] += 1
    assert np.array_equal(score.hist, expected)
    assert len(np.flatnonzero(expected.sum(0))) > 2  # so that the comparison says something


def test_loss_is_the_mean_over_images(net, folder):
    losses = [float(net.forward()["loss"]) for _ in SIZES]
    assert seg_tests(net, heads(folder.val))["score"].loss == pytest.approx(np.mean(losses), rel=1e-6)


def test_scoring_starts_at_the_first_image_and_leaves_the_data_layer_where_it_was(net, folder):
    whole = seg_tests(net, heads(folder.val), images=2)["score"]
    net.forward()
    again = seg_tests(net, heads(folder.val), images=2)["score"]
    assert np.array_equal(whole.hist, again.hist)
    assert net.layers[0].index == 1


def test_saved_pictures_have_the_size_of_their_images(net, folder, tmp_path):
    seg_tests(net, heads(folder.val), images=1, pictures=tmp_path / "pictures")
    with Image.open(tmp_path / "pictures/2011_000000.png") as picture:
        assert picture.size == SIZES[0][::-1]
        assert picture.mode == "P"


def test_written_score_reads_back_with_facts_metrics_and_classes(tmp_path):
    names = {"score": ("ground", "square", "disc", "ring")}
    write_score(tmp_path / "score.json", {"experiment": "tiny"}, {"score": Score(HIST, 1.5)}, names)
    report = read_score(tmp_path / "score.json")
    assert report["experiment"] == "tiny"
    assert report["engine"] in ("torch", "bvlc")
    score = headline(report)
    assert score["mean_iu"] == pytest.approx(metrics.mean_iu(HIST))
    assert score["mean_iu_reference"] == pytest.approx(metrics.mean_iu_reference(HIST))
    assert score["classes"][2] == {"name": "disc", "accuracy": None, "iu": 0}
    assert score["classes"][3] == {"name": "ring", "accuracy": None, "iu": None}
    assert np.array_equal(score["histogram"], HIST)


def test_written_score_is_strict_json(tmp_path):
    write_score(tmp_path / "score.json", {}, {"score": Score(np.zeros((2, 2), int), float("nan"))}, {})

    def refuse(constant):
        raise AssertionError(constant)

    assert headline(json.loads((tmp_path / "score.json").read_text(), parse_constant=refuse))["mean_iu"] is None


def test_classes_without_names_are_numbered(tmp_path):
    write_score(tmp_path / "score.json", {}, {"score": Score(HIST, 0.0)}, {})
    assert [c["name"] for c in headline(read_score(tmp_path / "score.json"))["classes"]] == ["0", "1", "2", "3"]


def test_digest_is_that_of_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_commit_is_this_checkouts():
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        pytest.skip("not a git checkout")
    assert commit().rstrip("+") == head.stdout.strip()
