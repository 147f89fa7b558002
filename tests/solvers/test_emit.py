import runpy
import sys
from pathlib import Path

import pytest

from fcn_repro.caffe.proto import caffe_pb2, prototxt
from fcn_repro.datasets import DATASETS
from fcn_repro.model import deploy_metadata
from fcn_repro.model.deploy_metadata import DeployMetadata
from nets import PHASES
from solvers.emit import emit_classifier, emit_experiment
from solvers.experiments import EXPERIMENTS
from tools import emit


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_an_experiment_is_three_nets_and_a_solver():
    emit_experiment(EXPERIMENTS["voc-fcn16s"])
    folder = Path("build/voc-fcn16s")
    assert sorted(path.name for path in folder.iterdir()) == [
        *("deploy.json", "deploy.prototxt", "snapshot", "solver.prototxt", "train.prototxt", "val.prototxt")
    ]
    solver = prototxt.read(folder / "solver.prototxt", caffe_pb2.SolverParameter)
    train, val, deploy = (prototxt.read_net(folder / f"{phase}.prototxt") for phase in PHASES)
    assert (solver.train_net, *solver.test_net) == (str(folder / "train.prototxt"), str(folder / "val.prototxt"))
    assert list(solver.test_iter) == [736]
    assert "'split': 'train'" in train.layer[0].python_param.param_str
    assert "'split': 'seg11valid'" in val.layer[0].python_param.param_str
    assert deploy.layer[-1].top == ["score"]


def test_the_loss_is_the_regimes_and_deployment_metadata_the_data_sets():
    for name, normalize in (("voc-fcn32s", False), ("voc-fcn-alexnet", True)):
        emit_experiment(EXPERIMENTS[name])
        assert prototxt.read_net(f"build/{name}/train.prototxt").layer[-1].loss_param.normalize is normalize
    emit_experiment(EXPERIMENTS["mini-fcn8s"])
    note, mini = deploy_metadata.read(Path("build/mini-fcn8s/deploy.json")), DATASETS["mini"]
    assert note == DeployMetadata(("color",), tuple(mini.mean_bgr), {"score": mini.class_names})


def test_classifiers_have_another_folder_and_their_convolutional_form_is_deploy_only():
    emit_classifier("caffenet")
    emit_classifier("caffenet-fcn")
    assert {path.name for path in Path("build/ilsvrc/caffenet").iterdir()} == {f"{phase}.prototxt" for phase in PHASES}
    assert [path.name for path in Path("build/ilsvrc/caffenet-fcn").iterdir()] == ["deploy.prototxt"]


def test_a_file_that_is_already_right_stays_untouched(capsys):
    emit_classifier("caffenet-fcn")
    path = Path("build/ilsvrc/caffenet-fcn/deploy.prototxt")
    before = path.stat().st_mtime_ns
    capsys.readouterr()
    emit_classifier("caffenet-fcn")
    assert path.stat().st_mtime_ns == before
    assert capsys.readouterr().out == ""
    path.write_text("name: 'edited'")
    emit_classifier("caffenet-fcn")
    assert prototxt.read_net(path).name == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "give either names or --all"),
        (["voc-fcn8s", "--all"], "give either names or --all"),
        (["voc-fcn4s"], "unknown name 'voc-fcn4s'; expected one of: voc-fcn32s, "),
    ],
)
def test_refuses_bad_arguments(arguments: list, complaint: str, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["emit.py", *arguments])
    with pytest.raises(SystemExit) as refused:
        runpy.run_path(emit.__file__, run_name="__main__")
    assert refused.value.code == 2
    assert complaint in capsys.readouterr().err
