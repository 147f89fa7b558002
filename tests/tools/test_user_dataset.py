"""From a user's folder to a scored net, with the programs as they are run."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fcn_repro.datasets
from fcn_repro.caffe.proto import prototxt
from fcn_repro.drawing.palette import make_label_image
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model.run_folder import RunFolder
from tests.fixtures.random_weights import write_classifier


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """Ten images of red and blue patches, their label maps and classes, in the working directory."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for folder in ("cells/images", "cells/labels"):
        Path(folder).mkdir(parents=True)
    for n in range(10):
        label_hw = np.zeros((24 + n, 30), np.uint8)
        label_hw[3:12, 4:14], label_hw[14:20, 10:25], label_hw[0] = 1, 2, 255
        image_rgb = random.integers(0, 60, (*label_hw.shape, 3)) + 190 * np.eye(3, dtype=int)[label_hw % 255]
        Image.fromarray(image_rgb.astype(np.uint8)).save(f"cells/images/{n}.jpg")
        make_label_image(label_hw).save(f"cells/labels/{n}.png")
    Path("cells/classes.txt").write_text("ground\nred\nblue\n")
    return tmp_path


@pytest.fixture
def run(cells, monkeypatch, capsys):
    """Runs programs one after the other, each with the data sets that there are by then: what the last one said."""
    monkeypatch.setattr(fcn_repro, "datasets", fcn_repro.datasets)

    def run(*commands, status=0):
        for command in commands:
            for name in [name for name in sys.modules if re.match(r"(tools|solvers)\b|fcn_repro\.datasets$", name)]:
                monkeypatch.delitem(sys.modules, name)
            monkeypatch.setattr(sys, "argv", command.split())
            ended = None
            capsys.readouterr()
            try:
                runpy.run_module(sys.argv[0], run_name="__main__")
            except SystemExit as end:
                ended = end.code
            said = capsys.readouterr()
            assert (ended or 0) == (status if command == commands[-1] else 0), said.err
        return said.err if status else said.out

    return run


REGISTER = "tools.user_dataset cells --classes cells/classes.txt --like mini-fcn16s"


def test_a_folder_becomes_scored_nets_stage_by_stage(run):
    write_classifier("mini-vgg16-fcn")
    assert run(REGISTER) == "cells-fcn16s\n"
    assert run("tools.prepare cells") == "cells is ready: 8 images in train, 2 images in val\n"
    for stage in ("cells-fcn32s", "cells-fcn16s"):
        run(f"tools.emit {stage}", f"tools.solve {stage} --iterations 2 --gpu -1")
    assert run("tools.score cells-fcn16s --gpu -1").startswith("cells-fcn16s score, 2 images of val: pixel accuracy")
    for stage in ("cells-fcn32s", "cells-fcn16s"):
        report = read_report(RunFolder(stage).score)
        assert (report["trained"], report["images"], report["shortened"]) == (2, 2, True)
        assert [each["name"] for each in headline(report)["classes"]] == ["ground", "red", "blue"]
    assert report["init"][0]["file"] == "build/cells-fcn32s/final.caffemodel"
    scores = [layer for layer in prototxt.read_net("build/cells-fcn16s/train.prototxt").layer if "score" in layer.name]
    assert {layer.convolution_param.num_output for layer in scores if layer.HasField("convolution_param")} == {3}


def test_another_data_set_starts_from_its_net_but_for_the_scores(run):
    write_classifier("mini-vgg16-fcn")
    solve = "tools.solve cells-fcn32s --iterations 1 --gpu -1"
    run(REGISTER.replace("16s", "32s"), "tools.emit cells-fcn32s", solve)
    Path("two.txt").write_text("ground\nred\n")
    adopt = "tools.user_dataset cells --classes two.txt --name two --like mini-fcn32s --init cells-fcn32s"
    assert run(adopt) == "two-fcn32s\n"
    assert "two-fcn32s: data-two\n" in run("solvers.experiments --rules")
    kept = prototxt.read_net("build/adopted/two/init.prototxt")
    assert kept.layer[-1].name in ("drop7", "relu7") and Path("build/adopted/two/init.caffemodel").is_file()
    said = run("tools.emit two-fcn32s", "tools.solve two-fcn32s --iterations 1 --gpu -1", status=3)
    assert "label value 2; expected 0-1 or 255" in said and "python -m tools.validate_data two" in said


def test_labels_in_colours_are_told_and_converted(run):
    for path in Path("cells/labels").iterdir():
        Image.open(path).convert("RGB").save(path)
    said = run(REGISTER, "tools.validate_data cells", status=3)
    assert "got a label map of mode RGB; expected class indices" in said
    said = run("tools.validate_data cells --convert voc")
    assert "wrote 10 label maps to build/adopted/cells/labels" in said
    assert re.search(r"train: 8 images, 0 invalid\n +0 ground +\d+\.\d+ % of the pixels, in 8 images", said)
    assert np.array(Image.open("cells/labels/0.png")).ndim == 3


def test_faults_beyond_twenty_are_counted(run):
    for n in range(25):
        Image.new("RGB", (9, 9), (n, 0, 0)).save(f"cells/images/x{n}.png")
        Image.new("L", (9, 9), 3).save(f"cells/labels/x{n}.png")
    said = run(REGISTER, "tools.validate_data cells", status=3)
    assert said.count("label value 3; expected 0-2 or 255") == 20
    assert "... and 5 more" in said


def test_adopting_again_changes_nothing_unless_it_was_trained_on(run):
    note = Path("build/adopted/cells/dataset.json")
    run(REGISTER)
    before = note.read_text()
    run(REGISTER)
    assert note.read_text() == before
    RunFolder("cells-fcn32s").path.mkdir()
    RunFolder("cells-fcn32s").final.touch()
    run(REGISTER)
    Path("cells/labels/3.png").unlink()
    said = run(REGISTER, status=3)
    assert "cells: the data set has changed since it was used for training. Fix: remove build/cells-fcn32s" in said


@pytest.mark.parametrize("name", ["voc", "mini", "nyud", "Zellen", "a/b", "-a", "a-"])
def test_refuses_a_name_that_is_taken_or_no_name(run, name):
    assert f"data set: got the name {name!r}" in run(f"{REGISTER} --name={name}", status=3)


def test_weights_of_another_net_leave_no_data_set_behind(run):
    Path("other.caffemodel").write_bytes(b"")
    said = run(f"{REGISTER} --init other.caffemodel", status=3)
    assert "Expected the weights of a net with the layers of build/adopted/cells/init.prototxt" in said
    assert not Path("build/adopted/cells/dataset.json").exists()


def test_only_adopted_data_sets_are_converted(run):
    assert "--convert: got voc; expected a user data set" in run("tools.validate_data voc --convert voc", status=2)
