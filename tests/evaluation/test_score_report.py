import json
import subprocess

import numpy as np
import pytest

from fcn_repro.evaluation import metrics
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.score_report import (
    build_report,
    format_summary,
    headline,
    read_commit,
    read_report,
    sha256,
    write_report,
)

HIST = np.array([[6, 0, 2, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_written_score_reads_back_with_facts_metrics_and_classes(tmp_path):
    names = [("ground", "square", "disc", "ring")]
    write_report(tmp_path / "score.json", build_report({"experiment": "tiny"}, {"score": Score(HIST, 1.5)}, names))
    report = read_report(tmp_path / "score.json")
    assert report["experiment"] == "tiny"
    score = headline(report)
    assert score["mean_iu"] == pytest.approx(metrics.mean_iu(HIST))
    assert score["mean_iu_reference"] == pytest.approx(metrics.mean_iu_reference(HIST))
    assert score["classes"][2] == {"name": "disc", "accuracy": None, "iu": 0}
    assert score["classes"][3] == {"name": "ring", "accuracy": None, "iu": None}
    assert np.array_equal(score["histogram"], HIST)


def test_written_score_is_strict_json(tmp_path):
    write_report(tmp_path / "score.json", build_report({}, {"score": Score(np.zeros((2, 2), int), float("nan"))}, []))

    def refuse(constant):
        raise AssertionError(constant)

    assert headline(json.loads((tmp_path / "score.json").read_text(), parse_constant=refuse))["mean_iu"] is None


def test_classes_without_names_are_numbered(tmp_path):
    write_report(tmp_path / "score.json", build_report({}, {"score": Score(HIST, 0.0)}, []))
    assert [c["name"] for c in headline(read_report(tmp_path / "score.json"))["classes"]] == ["0", "1", "2", "3"]


def test_digest_is_that_of_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_commit_is_this_checkouts():
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        pytest.skip("not a git checkout")
    assert read_commit().rstrip("+") == head.stdout.strip()


def test_summary_is_in_percent_and_says_what_was_scored(tmp_path):
    facts = {"experiment": "tiny", "split": "val", "images": 4}
    write_report(tmp_path / "score.json", build_report(facts, {"score": Score(HIST, 0.0)}, []))
    line = format_summary(read_report(tmp_path / "score.json"))
    assert line.startswith("tiny score, 4 images of val: pixel accuracy 83.33, mean accuracy 87.50, mean iu 87.50")
