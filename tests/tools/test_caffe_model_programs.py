"""upgrade_*, draw_net, classify, detect, summarize, parse_log and plot_training_log, as a user runs them."""

import csv
import sys

import numpy as np
import pytest
from PIL import Image

from fcn_repro import caffe
from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.caffe_log import CaffeProgram, caffe_log  # noqa: F401  # a fixture
from tests.fixtures.small_net import TRAINABLE, write
from tools import caffe as caffe_binary
from tools import (
    classify,
    detect,
    draw_net,
    parse_log,
    plot_training_log,
    program,
    summarize,
    upgrade_net_proto_binary,
    upgrade_net_proto_text,
    upgrade_solver_proto_text,
)

OLD = """
name: "old"
input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 9
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: 1 blobs_lr: 2 weight_decay: 0.1
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "constant" value: 0.333333333 } } }
layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
"""
NEW = """name: "old"
layer {
  name: "input"
  type: "Input"
  top: "data"
  input_param {
    shape {
      dim: 1
      dim: 3
      dim: 8
      dim: 9
    }
  }
}
layer {
  name: "conv"
  type: "Convolution"
  bottom: "data"
  top: "conv"
  param {
    lr_mult: 1
    decay_mult: 0.1
  }
  param {
    lr_mult: 2
  }
  convolution_param {
    num_output: 2
    kernel_size: 3
    weight_filler {
      type: "constant"
      value: 0.333333343
    }
  }
}
layer {
  name: "relu"
  type: "ReLU"
  bottom: "conv"
  top: "conv"
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, caffe_log):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    return tmp_path


def image_size(path):
    with Image.open(path) as image:
        return image.size


@pytest.fixture
def run(capsys):
    return lambda module, *arguments: CaffeProgram(module, capsys)(*arguments)


# -- upgrades


def test_an_old_net_becomes_caffes_text_and_a_current_one_stays(folder, run, capsys):
    write(folder, OLD, "old")
    assert run(upgrade_net_proto_text, "old", "new") == 0 and (folder / "new").read_text() == NEW
    again = CaffeProgram(upgrade_net_proto_text, capsys)
    assert again("new", "same") == 0 and (folder / "same").read_text() == NEW
    assert again.log == ["File already in latest proto format: new", "Wrote upgraded NetParameter text proto to same"]
    assert run(upgrade_net_proto_text, "old", "old") == 3 and (folder / "old").read_text() == OLD


def test_an_old_caffemodel_keeps_its_weights(folder, run):
    old = caffe_pb2.NetParameter(name="old")
    layer = old.layers.add(name="conv", type=caffe_pb2.V1LayerParameter.CONVOLUTION, top=["conv"])
    layer.blobs.add(num=1, channels=1, height=1, width=2, data=[0.25, -3])
    (folder / "old").write_bytes(old.SerializeToString())
    assert run(upgrade_net_proto_binary, "old", "new") == 0
    new = caffe_pb2.NetParameter.FromString((folder / "new").read_bytes())
    assert not new.layers and [(x.name, x.type) for x in new.layer] == [("conv", "Convolution")]
    assert new.layer[0].blobs[0] == layer.blobs[0]
    (folder / "text").write_text("name: 'no binary'")
    assert run(upgrade_net_proto_binary, "text", "new2") == 1 and not (folder / "new2").exists()


def test_an_old_solver_names_its_type(folder, run):
    write(folder, 'net: "n" base_lr: 0.1 solver_type: ADAM', "old")
    assert run(upgrade_solver_proto_text, "old", "new") == 0
    assert (folder / "new").read_text() == 'base_lr: 0.1\nnet: "n"\ntype: "Adam"\n'
    assert run(upgrade_solver_proto_text, "missing", "new") == 3


# -- drawings and tables


@pytest.mark.parametrize("phase", ["ALL", "TEST"])
def test_a_net_is_drawn_without_graphviz_where_it_is_missing(folder, run, phase, monkeypatch):
    for name in ("pydot", "pydotplus"):
        monkeypatch.setitem(sys.modules, name, None)
    write(folder, TRAINABLE.replace('name: "ip"', 'name: "ip" include { phase: TRAIN }'))
    assert run(draw_net, "net.prototxt", "net.svg", "--phase", phase) == run(draw_net, "net.prototxt", "net.png") == 0
    assert (">ip<" in (folder / "net.svg").read_text()) == (phase == "ALL")
    assert image_size("net.png") > (100, 100)
    assert run(draw_net, "net.prototxt", "net.pdf") == 3 and not (folder / "net.pdf").exists()


def test_a_summary_has_a_line_for_every_layer(folder, capsys):
    write(
        folder, TRAINABLE + 'layer { name: "py" type: "Python" bottom: "none" python_param { module: "m" layer: "L" } }'
    )
    assert program.run(summarize.main, summarize.parse(["net.prototxt", "-w", "12"])) == 0
    lines = [summarize.ESCAPE.sub("", line).rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line.split() for line in lines] == [
        ["data", "DummyData", "->", "data,", "label"],
        ["conv", "Convolution", "(,", "Dx0.0)", "data", "->", "conv", "2+3", "11"],
        ["ip", "InnerProduct", "conv", "->", "ip_blob"],
        ["loss", "SoftmaxWithLoss", "ip_blob,", "label", "->", "loss"],
        ["py", "m.L", "none", "->"],
    ]


# -- images

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 4
  weight_filler { type: "gaussian" std: 0.01 } } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""


@pytest.fixture
def model(folder):
    caffe.set_random_seed(1)
    caffe.Net(write(folder, NET), caffe.TEST).save("w.caffemodel")
    (folder / "in").mkdir()
    for index in range(3):
        pixels = np.random.RandomState(index).randint(0, 256, (20, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(f"in/{index}.png")
    np.save("mean.npy", np.arange(3 * 4).reshape(3, 2, 2))
    return ["--model_def", "net.prototxt", "--pretrained_model", "w.caffemodel"]


def test_classify_saves_caffes_classifiers_probabilities(model, run):
    images = [caffe.io.load_image(f"in/{index}.png") for index in range(3)]
    for mean, options in ((None, ["--mean_file="]), (np.load("mean.npy"), ["--mean_file=mean.npy", "--center_only"])):
        net = caffe.Classifier("net.prototxt", "w.caffemodel", image_dims=(8, 9), mean=mean, raw_scale=255,
                               channel_swap=(2, 1, 0))  # fmt: skip
        expected = net.predict(images, not options[1:])
        assert run(classify, "in", "out.npy", "--ext", "png", "--images_dim", "8,9", *model, *options) == 0
        np.testing.assert_array_equal(np.load("out.npy"), expected)
    np.save("in.npy", images[1][None])
    assert run(classify, "in.npy", "out.npy", "--images_dim", "8,9", *model, *options) == 0
    np.testing.assert_allclose(np.load("out.npy"), expected[1:2], rtol=1e-6)
    assert run(classify, "in", "out.npy", *model, *options) == run(classify, "missing.png", "out.npy", *model) == 3


def test_detect_writes_a_row_of_probabilities_per_window(model, run, folder):
    write(
        folder, "filename, xmin, ymin, xmax, ymax\nin/0.png,1,2,11,9\nin/1.png,0,0,8,8\nin/0.png,4,4,20,19\n", "w.csv"
    )
    assert (
        run(detect, "w.csv", "out.csv", "--crop_mode", "list", "--context_pad=1", "--mean_file=mean.npy", *model) == 0
    )
    net = caffe.Detector("net.prototxt", "w.caffemodel", mean=np.load("mean.npy").mean((1, 2)), raw_scale=255,
                         channel_swap=(2, 1, 0), context_pad=1)  # fmt: skip
    windows = [("in/0.png", [(2, 1, 9, 11), (4, 4, 19, 20)]), ("in/1.png", [(0, 0, 8, 8)])]
    expected = net.detect_windows([(name, np.array(boxes)) for name, boxes in windows])
    rows = list(csv.DictReader((folder / "out.csv").read_text().splitlines()))
    assert [(row["filename"], row["ymin"], row["xmax"]) for row in rows] == [
        ("in/0.png", "2", "11"), ("in/0.png", "4", "20"), ("in/1.png", "0", "8"),
    ]  # fmt: skip
    found = [[float(row[f"class{index}"]) for index in range(4)] for row in rows]
    np.testing.assert_allclose(found, [each["prediction"] for each in expected], rtol=1e-6)
    write(folder, "filename,xmin\nin/0.png,1\n", "bad.csv")
    assert run(detect, "bad.csv", "o.csv", "--crop_mode", "list", "--mean_file=", *model) == 1


# -- logs


def test_the_log_of_caffe_train_gives_tables_and_charts(folder, capsys, run):
    write(folder, TRAINABLE)
    write(folder, 'net: "net.prototxt" test_iter: 1 test_interval: 2 base_lr: 0.01 lr_policy: "fixed" max_iter: 6 '
          'display: 2 snapshot_after_train: false', "solver.prototxt")  # fmt: skip
    trained = CaffeProgram(caffe_binary, capsys)
    assert trained("train", "-solver=solver.prototxt") == 0
    (folder / "a.log").write_text(trained.err)
    assert run(parse_log, "a.log", ".", "--delimiter=\t") == 0
    texts = [(folder / f"a.log.{kind}").read_text() for kind in ("train", "test")]
    tables = [list(csv.DictReader(text.splitlines(), delimiter="\t")) for text in texts]
    iterations = ["0.0", "2.0", "4.0", "6.0"]
    assert [[row["NumIters"] for row in table] for table in tables] == [iterations[:3], iterations]
    losses = [line.split(" = ")[1].split(" (")[0] for line in trained.log if "Train net output" in line]
    assert [float(row["loss"]) for row in tables[0]] == [float(loss) for loss in losses]
    for chart in (0, 5, 7):
        assert run(plot_training_log, chart, f"{chart}.png", "a.log", "a.log") == 0
        assert image_size(f"{chart}.png") > (800, 600)
    assert run(plot_training_log, 2, "none.png", "a.log") == 1  # the net has no second output


@pytest.mark.parametrize("arguments", [("8", "a.png", "a.log"), ("0", "a.jpg", "a.log"), ("0", "a.png", "a.txt")])
def test_charts_have_numbers_and_files_have_suffixes(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        plot_training_log.parse(arguments)
    assert ended.value.code == 2
