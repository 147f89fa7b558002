"""solve, score and infer on a tiny experiment, as they are run from the repository's root."""

import argparse
import contextlib
import io
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fcn_repro import datasets
from fcn_repro.drawing.palette import make_voc_palette
from fcn_repro.errors import DataError
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model import deploy_metadata
from fcn_repro.model.deploy_metadata import DeployMetadata
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.signals import JobInterrupted
from solvers.experiments import EXPERIMENTS
from solvers.recipe import find_init_weights, make_recipe
from tests.fixtures.tiny_run import DEPLOY, SIZES, write_run
from tools import infer, program, score, solve

TINY = replace(EXPERIMENTS["voc-fcn32s"], name="tiny", init=None, iterations=(2, 30))


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """A repository whose tiny run has been trained, and what the program printed."""
    root = tmp_path_factory.mktemp("repository")
    write_run(root)
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(root)
        patch.setattr(solve, "EXPERIMENTS", {"tiny": TINY})
        solve.main(argparse.Namespace(experiment="tiny", iterations=None, tensorboard=False, gpu=-1))
    return root, printed.getvalue()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for tool in (score, infer):
        monkeypatch.setattr(tool, "EXPERIMENTS", {"tiny": TINY})
    monkeypatch.setattr(infer, "emit_experiment", lambda row: None)


@pytest.fixture
def folder(repository, solved, tmp_path):
    """The trained run, copied into the working directory."""
    shutil.copytree(solved[0], tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("build/tiny/*.prototxt"):
        path.write_text(path.read_text().replace(str(solved[0]), str(tmp_path)))
    folder = RunFolder("tiny")
    folder.deploy.write_text(DEPLOY)
    deploy_metadata.write(folder.metadata, DeployMetadata.from_data_set(datasets.DATASETS["voc"]))
    return folder


def scoring(**options):
    defaults = {"experiment": "tiny", "weights": None, "images": None, "pictures": False, "gpu": -1}
    return argparse.Namespace(**{**defaults, **options})


def labelling(*images, **options):
    defaults = {"weights": None, "released": False, "out": None, "scores": False, "legend": False, "tile": None}
    return argparse.Namespace(
        model="tiny", images=[str(image) for image in images], max_pixels=10**6, gpu=-1, **{**defaults, **options}
    )


def test_solving_prints_the_score_in_percent_and_names_the_data_sets_classes(solved, folder):
    scores = headline(read_report(folder.score))
    assert solved[1].startswith("tiny score, 4 images of val: pixel accuracy ")
    assert f"mean iu {100 * scores['mean_iu']:.2f}" in solved[1]
    assert tuple(each["name"] for each in scores["classes"]) == datasets.DATASETS["voc"].class_names


def test_weights_of_a_row_come_from_the_run_or_the_classifier_it_names():
    assert find_init_weights("vgg16-fcn").as_posix() == "build/vgg16-fcn.caffemodel"
    assert find_init_weights("voc-fcn16s").as_posix() == "build/voc-fcn16s/final.caffemodel"
    nets = make_recipe(EXPERIMENTS["nyud-fcn32s-color-hha"]).init
    assert {suffix: path.parent.name for suffix, path in nets.items()} == {
        "color": "nyud-fcn32s-color",
        "hha": "nyud-fcn32s-hha",
    }
    assert make_recipe(EXPERIMENTS["mini-vgg16"]).init == {}


def test_scoring_final_weights_again_changes_nothing_but_the_circumstances(folder):
    before = read_report(folder.score)
    score.main(scoring())
    after = read_report(folder.score)
    assert after["scores"] == before["scores"]
    assert after["trained"] == before["trained"] == 60
    assert after["chosen"] == before["chosen"]


def test_scoring_other_weights_writes_another_report(folder, tmp_path):
    other = tmp_path / "released.caffemodel"
    other.write_bytes(folder.final.read_bytes())
    before = folder.score.read_bytes()
    score.main(scoring(weights=other))
    assert folder.score.read_bytes() == before
    report = read_report(folder.path / "released.score.json")
    assert (report["experiment"], report["trained"], report["shortened"]) == ("tiny", None, False)
    assert report["weights"]["file"] == str(other)
    assert report["scores"] == read_report(folder.score)["scores"]


def test_scoring_a_part_of_the_split_prints_and_writes_nothing(folder, capsys):
    before = folder.score.read_bytes()
    score.main(scoring(images=2))
    assert capsys.readouterr().out.startswith("tiny score, 2 images of val:")
    assert folder.score.read_bytes() == before


def test_scoring_can_keep_the_label_maps_and_needs_a_trained_run(folder):
    score.main(scoring(pictures=True))
    assert len(list((folder.images / "final").glob("*.png"))) == len(SIZES)
    folder.final.unlink()
    with pytest.raises(DataError, match=r"final\.caffemodel: missing. Fix: make tiny"):
        score.main(scoring())


def test_label_maps_have_voc_colours_and_overlays(folder, tmp_path, capsys):
    infer.main(labelling(tmp_path / "VOC/JPEGImages/2011_000000.jpg"))
    with Image.open(folder.images / "2011_000000.png") as label_map:
        label_hw = np.asarray(label_map)
        colours = np.asarray(label_map.convert("RGB"))
    assert label_hw.shape == SIZES[0]
    assert set(np.unique(label_hw)) == {0, 1}
    assert np.array_equal(colours, make_voc_palette()[label_hw])
    with Image.open(folder.images / "2011_000000-overlay.png") as tinted:
        assert tinted.size == SIZES[0][::-1]
    assert "background" in capsys.readouterr().out


def test_labelling_can_write_elsewhere_draw_a_legend_and_keep_scores(folder, tmp_path):
    infer.main(labelling(tmp_path / "VOC/JPEGImages/2011_000001.jpg", out=tmp_path / "out"))
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["2011_000001-overlay.png", "2011_000001.png"]
    infer.main(labelling(tmp_path / "VOC/JPEGImages/2011_000000.jpg", legend=True, scores=True, tile=0))
    assert (folder.images / "legend.png").exists()
    assert np.load(folder.images / "2011_000000-scores.npy").shape == (21, *SIZES[0])


def test_damaged_images_are_counted_and_the_rest_is_labelled(folder, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(ValueError, match="skipped 1 of 2 images"):
        infer.main(labelling(tmp_path / "notes.txt", tmp_path / "VOC/JPEGImages/2011_000001.jpg"))
    assert "skipped: " in capsys.readouterr().err
    assert (folder.images / "2011_000001.png").exists()


def test_images_are_listed_on_standard_input_which_must_not_be_empty(folder, tmp_path, monkeypatch):
    listed = "\n".join(str(tmp_path / f"VOC/JPEGImages/2011_00000{i}.jpg") for i in range(3))
    monkeypatch.setattr("sys.stdin", io.StringIO(listed + "\n\n"))
    infer.main(labelling("-"))
    assert len(list(folder.images.glob("*-overlay.png"))) == 3
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(DataError, match="standard input was empty"):
        infer.main(labelling("-"))


def test_labelling_with_released_weights_fetches_them(folder, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(infer, "fetch_weights", lambda name, find: asked.append(name) or folder.final)
    infer.main(labelling(tmp_path / "VOC/JPEGImages/2011_000000.jpg", released=True))
    assert asked == ["tiny"]


def test_a_model_is_a_folder_or_an_experiment(folder, tmp_path):
    options = labelling(tmp_path / "VOC/JPEGImages/2011_000000.jpg")
    options.model = str(folder.path)
    infer.main(options)
    options.model = "nothing"
    with pytest.raises(DataError, match="nothing: expected a folder with a deploy.prototxt, or an experiment: tiny"):
        infer.main(options)


@pytest.mark.parametrize("text", ["0", "-3", "many", "1.5"])
def test_counts_must_be_positive_integers(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a positive integer"):
        program.positive(text)


@pytest.mark.parametrize(
    "error, status, printed",
    [
        *((DataError("x"), 3, "x"), (ValueError("x"), 1, "x"), (KeyboardInterrupt(), 130, "stopped by SIGINT\n")),
        *((JobInterrupted("x", signal.SIGINT), 130, "x"), (JobInterrupted("x", signal.SIGTERM), 143, "x")),
        (None, 0, ""),
    ],
)
def test_exit_statuses_follow_from_the_kind_of_error(error, status, printed, capsys):
    def main(options):
        if error:
            raise error

    assert program.run(main, argparse.Namespace()) == status
    assert capsys.readouterr().err.startswith(printed)


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_program_with_its_own_status_and_without_a_traceback(number, status, capsys):
    assert program.run(lambda options: os.kill(os.getpid(), number), argparse.Namespace()) == status
    assert capsys.readouterr().err == f"stopped by {number.name}\n"
