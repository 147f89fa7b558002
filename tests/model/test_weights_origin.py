"""Imported weights keep the note of their origin, and so do weights made from them, until the file changes."""

import json

import pytest

from fcn_repro.errors import DataError
from fcn_repro.evaluation import score_report
from fcn_repro.evaluation.score_report import describe_weights, format_summary, is_trained_elsewhere, list_origins
from fcn_repro.model.weights_origin import Origin, inherit_origin, read_origin, write_origin

ELSEWHERE = Origin("vgg16.pth, torchvision", True, ["conv1_1 absorbs this"])
COPY = Origin("fcn8s.npz, Chainer", False, [])


@pytest.fixture
def weights(tmp_path):
    def write(name, content=b"weights", origin=None):
        path = tmp_path / name
        path.write_bytes(content)
        if origin:
            write_origin(path, origin)
        return path

    return write


def test_a_note_belongs_to_the_content_of_its_file(weights, caplog):
    path = weights("a.caffemodel", origin=ELSEWHERE)
    assert read_origin(path) == ELSEWHERE
    path.write_bytes(b"other weights")
    assert read_origin(path) is None and "is about another file" in caplog.text
    assert read_origin(weights("b.caffemodel")) is None
    path.unlink()
    assert read_origin(path) is None


def test_weights_made_from_others_inherit_every_note(weights):
    sources = [weights("a", origin=ELSEWHERE), weights("b"), weights("c", origin=COPY)]
    made = weights("made")
    inherit_origin(made, sources)
    assert read_origin(made) == Origin("vgg16.pth, torchvision and fcn8s.npz, Chainer", True, ["conv1_1 absorbs this"])
    inherit_origin(made, [sources[1]])
    assert read_origin(made) is None and not made.with_name("made.origin.json").exists()


def test_a_damaged_note_is_refused_with_the_fix(weights):
    path = weights("a.caffemodel", origin=COPY)
    path.with_name("a.caffemodel.origin.json").write_text(json.dumps({"sha256": 3}))
    with pytest.raises(
        DataError, match=r"a\.caffemodel\.origin\.json: sha256.*Fix: remove it, and import a.caffemodel"
    ):
        read_origin(path)


def test_reports_describe_the_origin_of_weights_and_of_the_initial_ones(weights):
    report = {"weights": describe_weights(weights("a", origin=ELSEWHERE)), "init": None}
    assert list_origins(report) == ["TRAINED ELSEWHERE: vgg16.pth, torchvision; conv1_1 absorbs this"]
    assert is_trained_elsewhere(report)
    init = [{"suffix": "", **describe_weights(weights("b", origin=COPY))}]
    copied = {"weights": describe_weights(weights("c")), "init": init}
    assert list_origins(copied) == ["imported: fcn8s.npz, Chainer"] and not is_trained_elsewhere(copied)
    assert "origin" not in copied["weights"]
    assert list_origins({"weights": None, "init": init[0]}) == ["imported: fcn8s.npz, Chainer"]  # an older report


def test_a_printed_score_ends_with_the_origin(weights):
    metrics = dict.fromkeys(score_report.metrics.METRICS, 0.5)
    report = {"experiment": "run", "images": 2, "split": "val", "scores": {"score": metrics}}
    report["weights"] = describe_weights(weights("a", origin=ELSEWHERE))
    assert format_summary(report).splitlines()[1] == str(ELSEWHERE)
