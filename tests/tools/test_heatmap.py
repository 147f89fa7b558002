import runpy
import sys

import numpy as np
import pytest
from PIL import Image

from tests.datasets.test_ilsvrc_synsets import write_meta
from tests.fixtures.random_weights import write_classifier
from tools import heatmap

NET = "mini-vgg16-fcn"
SIDE = 224
WNIDS = [f"n0{number}" for number in range(7)]  # one per class of the net
META = [*((i + 1, wnid, wnid, ()) for i, wnid in enumerate(WNIDS)), (8, "n9", "pair", (2, 6))]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the program in an empty repository that has weights and a photograph: its exit status."""
    monkeypatch.chdir(tmp_path)
    write_meta(tmp_path / "meta.mat", META)
    image_rgb = np.random.default_rng(1).integers(0, 256, (SIDE + 40, SIDE + 70, 3), dtype=np.uint8)
    Image.fromarray(image_rgb).save("photo.png")

    def program(*arguments, images=("photo.png",)):
        monkeypatch.setattr(sys, "argv", ["heatmap.py", NET, *images, "--gpu", "-1", *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(heatmap.__file__, run_name="__main__")
        return ended.value.code

    return program


@pytest.fixture
def weights(run):
    write_classifier(NET)


def test_a_concept_is_drawn_over_the_image(run, weights, capsys):
    assert run("--synset", "pair", "--meta", "meta.mat") == 0
    output = capsys.readouterr().out
    assert "n9 (pair): 2 of 7 classes" in output and "around pixel" in output
    with Image.open("build/ilsvrc/mini-vgg16-fcn/pictures/photo-n9.png") as painted, Image.open("photo.png") as photo:
        assert painted.size == photo.size


def test_a_larger_image_has_a_finer_map(run, weights, capsys):
    assert run("--class", "3", "--out", "maps", "--side", str(SIDE + 128)) == 0
    with Image.open("maps/photo-class3.png") as painted:
        assert min(painted.size) == SIDE + 128
    assert " x 5 cells" in capsys.readouterr().out


def test_refuses_small_images_unknown_classes_and_missing_weights_and_wants_a_class_or_a_concept(run, capsys):
    assert run() == 2
    assert "one of the arguments --class --synset is required" in capsys.readouterr().err
    assert run("--class", "3") == 3
    assert "build/mini-vgg16-fcn.caffemodel: missing. Fix: make mini-vgg16-fcn" in capsys.readouterr().err
    write_classifier(NET)
    assert run("--class", "7") == 1
    assert "expected 0 to 6" in capsys.readouterr().err
    Image.new("RGB", (SIDE, 20)).save("photo.png")
    assert run("--class", "3") == 1
    assert f"photo.png: got {SIDE} x 20 pixels, expected at least {SIDE} per side" in capsys.readouterr().err


def test_a_missing_image_is_skipped(run, weights, capsys):
    assert run("--class", "3", images=["missing.png", "photo.png"]) == 1
    output = capsys.readouterr()
    assert "photo-class3.png" in output.out
    assert "skipped: missing.png" in output.err and "skipped 1 of 2 images" in output.err
