"""Write the prototxts of experiments, and of the classifiers that they start from.

A file whose text is already right keeps its modification time, so nothing built from it becomes out of date.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Mapping, Sequence

from google.protobuf import text_format
from google.protobuf.message import Message

from fcn_repro.datasets import DATASETS, DataSet
from fcn_repro.datasets.data_set import LayerSpec
from fcn_repro.datasets.stored_features import make_cells_layer, make_features_layer
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import deploy_metadata
from fcn_repro.model.deploy_metadata import DeployMetadata
from fcn_repro.model.fixed_trunk import cut_cells, cut_head, cut_trunk, find_read_taps, find_window
from fcn_repro.model.run_folder import CLASSIFIER_NETS, RunFolder
from fcn_repro.paths import BUILD
from fcn_repro.system.atomic_write import atomic_write
from nets import CLASSIFIERS, CONVOLUTIONAL, PHASES, build
from solvers.experiments import EXPERIMENTS, Experiment, FixedTrunk, classifier_of
from solvers.features import feature_folder
from solvers.prototxt import solver

HEADER = "# Made by tools/emit.py: change nets/ or solvers/, not this file.\n"


def list_names() -> list[str]:
    """Every experiment, then every ILSVRC classifier that no experiment trains."""
    names = list(EXPERIMENTS)
    return names + [name for name in (*CLASSIFIERS, *CONVOLUTIONAL) if name not in names]


def emit(name: str) -> None:
    """Write the prototxts of an experiment or a classifier."""
    if name in EXPERIMENTS:
        emit_experiment(EXPERIMENTS[name])
    else:
        emit_classifier(name)


def find_prototxt(net: str, phase: str) -> Path:
    """Return the prototxt of an experiment, written first if it is missing, or a file by name.

    Raises   DataError if there is no such file
    """
    if net in EXPERIMENTS:
        path = RunFolder(net).path / f"{phase}.prototxt"
        if not path.is_file():
            emit_experiment(EXPERIMENTS[net])
        return path
    if not Path(net).is_file():
        raise DataError(f"{net}: no such file; expected a prototxt, or one of: {', '.join(EXPERIMENTS)}")
    return Path(net)


def emit_deploy(name: str) -> Path:
    """Write the prototxts of an experiment or a classifier, and return the path of its deploy net."""
    emit(name)
    return RunFolder(name, BUILD if name in EXPERIMENTS else CLASSIFIER_NETS).deploy


def emit_experiment(row: Experiment, build_folder: Path = BUILD, data: DataSet | None = None) -> None:
    """Write the three nets, the solver and the deployment metadata of a row to `build_folder`/NAME.

    `data` replaces the row's data set.
    """
    folder = RunFolder(row.name, build_folder)
    data = vary_data_set(data or DATASETS[row.data], row.varied, row.scored)
    nets = {phase: build(row.net, phase, data, row.regime.normalize) for phase in PHASES}
    if row.fixed:
        nets = cut_nets(nets, row.fixed, data, feature_folder(row))
    for name, net in nets.items():
        write_message(folder.path / f"{name}.prototxt", net)
    deploy_metadata.write(folder.metadata, DeployMetadata.from_data_set(data))
    images = data.splits[str(data.val.params["split"])]
    write_message(folder.solver, solver(row, folder.train, folder.val, images, folder.snapshot_prefix))
    folder.snapshot_prefix.parent.mkdir(exist_ok=True)  # Caffe does not make it


def cut_nets(nets: Mapping[str, Any], fixed: FixedTrunk, data: DataSet, features: Path) -> dict[str, Any]:
    """Let the nets for train and val read the stored outputs of a fixed trunk; add the trunk. deploy stays whole."""
    cut = {"trunk": cut_trunk(nets["deploy"], fixed.taps), "deploy": nets["deploy"]}
    for phase, source in ("train", data.train), ("val", data.val):
        taps = find_read_taps(nets[phase], fixed.taps)
        layer = make_features_layer(source, features, taps)
        if fixed.cells_of and phase == "train":
            layer = make_cells_layer(layer, fixed.cells_of, find_window(nets[phase], taps[0]))
            cut[phase] = cut_cells(nets[phase], taps[0], write_reader(layer, taps, data))
        else:
            cut[phase] = cut_head(nets[phase], taps, write_reader(layer, taps, data))
    return cut


def write_reader(layer: LayerSpec, taps: Sequence[str], data: DataSet) -> Any:
    """The LayerParameter of a layer that serves stored taps and a data set's labels."""
    reader = caffe.proto.caffe_pb2.LayerParameter(name="data", type="Python", top=[*taps, *data.heads])
    reader.python_param.module, reader.python_param.layer = layer.module, layer.layer
    reader.python_param.param_str = repr(dict(layer.params))
    return reader


def vary_data_set(data: DataSet, train: Mapping[str, object], val: Mapping[str, object]) -> DataSet:
    """Add options to the layers that read a data set's training and validation images."""
    return replace(
        data,
        train=replace(data.train, params={**data.train.params, **train}),
        val=replace(data.val, params={**data.val.params, **val}),
    )


def emit_classifier(name: str) -> None:
    """Write an ILSVRC net; a convolutional one gets the classes of the experiment that trains it, if there is one."""
    row = EXPERIMENTS.get(classifier_of(name) or name)
    for phase in ["deploy"] if name in CONVOLUTIONAL else PHASES:
        message = build(name, phase, DATASETS[row.data] if row else None)
        write_message(RunFolder(name, CLASSIFIER_NETS).path / f"{phase}.prototxt", message)


def write_message(path: Path, message: Message) -> None:
    """Write a prototxt and print its path, unless the file already holds the same text."""
    text = HEADER + text_format.MessageToString(message)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(text)
    print(path)
