"""No program replaces a file that it reads, or one of its results by another."""

import hashlib
import importlib
import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tools
from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import RunFolder
from tests.fixtures.copy_model import write_model
from tests.fixtures.random_weights import write_classifier

CAMERA = "--camera 60 60 19.5 14.5"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a program in a folder of images, depth, weights and nets; nothing that was there may change."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    names = ("a/one.png", "a/x.jpg", "a/x-overlay.jpg", "a/legend.jpg", "b/one.png", "c/one-class3.png")
    for name in names:
        Path(name).parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (240, 240, 3), dtype=np.uint8)).save(name)
    os.symlink("a", "link")
    for name in ("d1/0.png", "d2/0.png", "d1/0.tif"):
        Path(name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((30, 40), 2000, np.uint16)).save(name)
    write_model(RunFolder("copy", tmp_path / "build"), "score")
    write_classifier("mini-vgg16-fcn")
    Path("net.svg").write_text('layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 } } }')
    os.link("build/copy/final.caffemodel", "copy.pt")
    Path("build/mini-fcn8s").mkdir()
    Path("build/mini-fcn8s/score.json").write_text("{}")
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in Path(".").rglob("*.*") if path.is_file()}

    def program(command):
        monkeypatch.setattr(sys, "argv", command.split())
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(Path(tools.__file__).with_name(f"{sys.argv[0]}.py")), run_name="__main__")
        after = {path: hashlib.sha256(path.read_bytes()).digest() for path in before}
        assert after == before
        written = [path for path in Path(".").rglob("*.*") if path.is_file() and path not in before]
        return ended.value.code, capsys.readouterr().err, written

    return program


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("infer build/copy a/one.png --out a", "a/one.png: got an output that replaces the input a/one.png"),
        ("infer build/copy a/one.png --out link", "link/one.png: got an output that replaces the input a/one.png"),
        ("infer build/copy link/one.png --out a/../a", "got an output that replaces the input link/one.png"),
        ("infer build/copy a/x.jpg a/x-overlay.jpg --out o", "got one output of a/x.jpg and of a/x-overlay.jpg"),
        ("infer build/copy a/legend.jpg --out o --legend", "o/legend.png: got one output of --legend and of a/legend"),
        ("heatmap mini-vgg16-fcn a/one.png c --class 3 --out c", "c/one-class3.png: got an output that replaces the"),
        (f"hha d1/0.png --out d1 {CAMERA}", "d1/0.png: got an output that replaces the input d1/0.png"),
        (f"hha d1/0.png d2/0.png --out h {CAMERA}", "h/0.png: got one output of d1/0.png and of d2/0.png"),
        (f"hha d1/0.png d1/0.tif --out h {CAMERA}", "h/0.png: got one output of d1/0.png and of d1/0.tif"),
        (f"hha d1/0.png --raw d2 --out d2 {CAMERA}", "d2/0.png: got an output that replaces the input d2/0.png"),
        ("draw net.svg", "net.svg: got an output that replaces the input net.svg"),
        ("export build/copy --to torch --weights copy.pt --out .", "copy.pt: got an output that replaces the input"),
        (
            "convolutionalise mini-vgg16 --weights build/mini-vgg16-fcn.caffemodel",
            "replaces the input build/mini-vgg16",
        ),
        (
            "report --out build/mini-fcn8s/score.json",
            "got an output that replaces the input build/mini-fcn8s/score.json",
        ),
    ],
)
def test_a_file_that_is_read_or_written_twice_is_refused_before_anything_is_written(run, command, complaint):
    status, said, written = run(command)
    assert status == 3 and complaint in said and "Fix: " in said
    assert not [path for path in written if path.suffix != ".prototxt" and path.name != "deploy.json"]


def test_images_of_one_name_get_two_label_maps(run):
    status, _, written = run("infer build/copy a/one.png b/one.png --out o")
    assert status == 0
    assert set(map(str, written)) == {f"o/one{end}.png" for end in ("", "-overlay", "-png", "-png-overlay")}


def test_images_of_one_name_get_two_heat_maps(run):
    status, _, written = run("heatmap mini-vgg16-fcn a/one.png b/one.png --class 3 --out o")
    assert status == 0
    assert {"o/one-class3.png", "o/one-png-class3.png"} <= set(map(str, written))


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("upgrade_net_proto_text", ["a", "a"]),
        ("upgrade_net_proto_text", ["a", "link"]),
        ("upgrade_net_proto_binary", ["a", "link"]),
        ("upgrade_solver_proto_text", ["a", "./a"]),
        ("draw_net", ["a", "link"]),
        ("compute_image_mean", ["database", "database/a"]),
    ],
)
def test_caffes_own_programs_refuse_it_too(tmp_path, monkeypatch, program, arguments):
    monkeypatch.chdir(tmp_path)
    Path("database").mkdir()
    for path in (Path("a"), Path("database/a")):
        path.write_bytes(b"content")
    os.symlink("a", "link")
    module = importlib.import_module(f"tools.{program}")
    with pytest.raises(DataError, match="got an output that replaces the input .*Fix: write another"):
        module.main(module.parse(arguments))
    assert Path("a").read_bytes() == Path("database/a").read_bytes() == b"content"
