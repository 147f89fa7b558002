"""From a user's folder to a scored net, with the programs as they are run."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fcn_repro.caffe as caffe
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


# ---- class weights


def median_frequency(items) -> np.ndarray:
    """Each class's weight, pixel by pixel from the label maps."""
    labels = [np.array(Image.open(f"cells/labels/{item}.png")) for item in items]
    frequency = []
    for label in range(3):
        shown = [each for each in labels if (each == label).any()]
        frequency.append(sum((each == label).sum() for each in shown) / sum((each != 255).sum() for each in shown))
    return np.median(frequency) / frequency


def test_class_weights_are_shown_and_train_a_net(run):
    write_classifier("mini-vgg16-fcn")
    register = REGISTER.replace("16s", "32s")
    run(f"{register} --class-weights median")
    weights = median_frequency(Path("build/adopted/cells/train.txt").read_text().split())
    said = run("tools.validate_data cells")
    for name, weight in zip(("ground", "red", "blue"), weights, strict=True):
        assert re.search(rf"{name} .* % of the pixels, in 8 images, weight {weight:.3g}\n", said)
    solve = "tools.solve cells-fcn32s --iterations 3 --gpu -1"
    run("tools.emit cells-fcn32s", solve, "tools.score cells-fcn32s --gpu -1")
    assert read_report(RunFolder("cells-fcn32s").score)["trained"] == 3

    net = caffe.Net("build/cells-fcn32s/train.prototxt", "build/cells-fcn32s/final.caffemodel", caffe.TRAIN)
    assert net.layers[len(net.layers) - 1].type == "InfogainLoss"
    net.forward()
    score, label = net.blobs["score"].data[0].astype(float), net.blobs["label"].data[0, 0].astype(int)
    log_prob = score - np.logaddexp.reduce(score, axis=0)
    kept = label != 255
    picked = np.take_along_axis(log_prob, np.where(kept, label, 0)[None], 0)[0]
    expected = -(picked * weights[np.where(kept, label, 0)])[kept].sum()
    assert float(net.blobs["loss"].data) == pytest.approx(expected, rel=1e-5)


def test_given_class_weights_are_the_diagonal_and_can_be_dropped(run):
    run(f"{REGISTER} --class-weights 1,2.5,0.25", "tools.emit cells-fcn32s")
    matrix = caffe.proto.caffe_pb2.BlobProto.FromString(
        Path("build/adopted/cells/class_weights.binaryproto").read_bytes()
    )
    np.testing.assert_array_equal(np.reshape(matrix.data, matrix.shape.dim[2:]), np.diag([1, 2.5, 0.25]))
    for options, kind in (("", "SoftmaxWithLoss"), (" --class-weights 1,1,1", "InfogainLoss")):
        run(f"{REGISTER}{options}", "tools.emit cells-fcn32s")
        assert prototxt.read_net("build/cells-fcn32s/val.prototxt").layer[-1].type == kind


@pytest.mark.parametrize("weights", ["1,2", "1,2,x", "1,2,-3", "1,2,nan", "mean"])
def test_refuses_other_class_weights(run, weights):
    said = run(f"{REGISTER} --class-weights {weights}", status=3)
    assert f"--class-weights: got {weights}, expected median, or 3 positive numbers" in said


# ---- forms of label maps, from the command line


def rewrite(change):
    for path in sorted(Path("cells/labels").iterdir()):
        change(path, np.array(Image.open(path)))


def test_labels_one_beyond_the_last_class_are_called_void_first(run):
    rewrite(lambda path, label: Image.fromarray(np.where(label == 255, 3, label).astype(np.uint8)).save(path))
    said = run(REGISTER, "tools.validate_data cells", status=3)
    assert "label value 3; expected 0-2 or 255" in said
    run(f"{REGISTER} --void 3")
    said = run("tools.validate_data cells")
    assert "wrote 10 label maps" in said and re.search(r"255 void .* in 8 images", said)


def test_masks_in_jpeg_are_pointed_out_and_read_with_a_tolerance(run):
    def to_jpeg(path, label):
        Image.fromarray(np.where(label == 1, 255, 0).astype(np.uint8)).save(path.with_suffix(".jpg"), quality=70)
        path.unlink()

    rewrite(to_jpeg)
    Path("cells/classes.txt").write_text("ground\nred\n")
    assert "10 .jpg files there do not count, because JPEG changes labels" in run(REGISTER, status=3)
    run(f"{REGISTER} --values 0,255 --tolerance 120")
    said = run("tools.validate_data cells")
    assert re.search(
        r"wrote 10 label maps.*\n +\d+ pixels \(\d+\.\d+%\) took the nearest label, up to \d+ levels", said
    )


def test_colours_of_the_class_list_convert_label_maps_in_colours(run):
    rewrite(lambda path, label: Image.fromarray(np.uint8([[0, 0, 9], [9, 0, 0], [0, 9, 0]])[label % 255]).save(path))
    Path("cells/classes.txt").write_text("Name;R;G;B\nground;0;0;9\nred;9;0;0\nblue;0;9;0\n")
    run(REGISTER)
    assert "wrote 10 label maps" in run("tools.validate_data cells")
    with Image.open("build/adopted/cells/labels/0.png") as label:
        assert label.mode == "P" and np.array(label)[5, 6] == 1


def test_a_table_is_drafted_named_and_kept_when_classes_are_reordered(run):
    rewrite(lambda path, label: Image.fromarray(np.uint8([[0, 0, 9], [9, 0, 0], [0, 9, 0]])[label % 255]).save(path))
    run(REGISTER)
    assert "wrote 3 colours of 10 label maps to colours.csv" in run("tools.validate_data cells --draft colours.csv")
    text = Path("colours.csv").read_text()
    for name, colour in (("ground", "0,0,9"), ("red", "9,0,0"), ("blue", "0,9,0")):
        text = text.replace(f"?,{colour}", f"{name},{colour}")
    Path("colours.csv").write_text(text)
    run("tools.validate_data cells --convert colours.csv")
    Path("cells/classes.txt").write_text("blue\nred\nground\n")
    run(REGISTER)
    assert "wrote 10 label maps" in run("tools.validate_data cells")
    with Image.open("build/adopted/cells/labels/0.png") as label:
        found = np.array(label)
    assert (found[5, 6], found[15, 12], found[23, 29]) == (1, 0, 2)


def test_a_draft_replaces_no_label_map(run):
    run(REGISTER)
    before = Path("cells/labels/3.png").read_bytes()
    said = run("tools.validate_data cells --draft cells/labels/3.png", status=3)
    assert "got an output that replaces the input" in said
    assert Path("cells/labels/3.png").read_bytes() == before


def test_labels_of_another_size_are_scaled_on_request(run):
    rewrite(lambda path, label: Image.fromarray(label[::2, ::2]).save(path))
    assert "Fix: --resize-labels" in run(REGISTER, "tools.validate_data cells", status=3)
    run(f"{REGISTER} --resize-labels")
    assert "0 invalid" in run("tools.validate_data cells")


def test_no_list_of_classes_is_named(run):
    said = run("tools.user_dataset cells --classes=", status=2)
    assert "--classes: got no file; expected a list of classes" in said and "make train DATA=... CLASSES=FILE" in said
