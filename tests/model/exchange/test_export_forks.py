"""Nets with forks' layers compute the same in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcn_repro.model.exchange.export import ExportModel
from fcn_repro.model.run_folder import RunFolder
from tests.fixtures.export_nets import write_net as write_folder
from tests.fixtures.fork_nets import write_net

DATA = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 12 dim: 20 } } }\n'
POOL = (
    'layer { name: "p" type: "Pooling" bottom: "data" top: "p" top: "m" pooling_param { kernel_size: 2 stride: 2 } }\n'
)
WINDOW = "convolution_param { num_output: 4 kernel_size: 1 }"
CONV = f'layer {{ name: "c" type: "Convolution" bottom: "data" top: "c" {WINDOW} }}\n'
LAYERS = {
    "Interp zoom": 'bottom: "c" interp_param { zoom_factor: 3 }',
    "Interp shrink": 'bottom: "c" interp_param { shrink_factor: 2 zoom_factor: 3 pad_beg: -1 pad_end: -2 }',
    "Interp size": 'bottom: "c" interp_param { height: 7 width: 31 pad_beg: -1 }',
    "BN inference": 'bottom: "c" bn_param { bn_mode: INFERENCE }',
    "BN running": 'bottom: "c" bn_param { frozen: true }',
    "Normalize image": 'bottom: "c"',
    "Normalize cells": 'bottom: "c" norm_param { across_spatial: false channel_shared: false eps: 0.1 }',
    "Permute": 'bottom: "c" permute_param { order: 0 order: 2 order: 3 }',
    "PReLU": 'bottom: "c"',
    "PReLU shared": 'bottom: "c" prelu_param { channel_shared: true }',
    "Pooling floor": 'bottom: "c" pooling_param { kernel_size: 3 stride: 2 round_mode: FLOOR }',
    "ReLU6": 'bottom: "c"',
}


def export(folder: Path, text: str, name: str = "net"):
    built = write_folder(RunFolder(name, folder), text)
    model = ExportModel.from_folder(built, built.final)
    return model, model.to_onnx(folder)[1]


def compare(model: ExportModel, run) -> None:
    for difference in model.compare(run):
        assert difference.largest > 0
        assert difference.worst <= 3e-5 * difference.largest  # Resize rounds its coordinates


@pytest.fixture(autouse=True)
def positive_variances(monkeypatch: pytest.MonkeyPatch):
    """Random weights may be negative; a running variance may not."""
    from fcn_repro.model import surgery

    save = surgery.save

    def save_positive(net, path):
        for layer in net.layers:
            if layer.type == "BN" and len(layer.blobs) == 4:
                layer.blobs[3].data[...] = abs(layer.blobs[3].data) + 0.1
        save(net, path)

    monkeypatch.setattr("tests.fixtures.export_nets.save", save_positive)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_computes_the_same_in_onnx(tmp_path: Path, name: str):
    compare(*export(tmp_path, f'{DATA}{CONV}layer {{ name: "l" type: "{name.split()[0]}" top: "l" {LAYERS[name]} }}'))


def test_axpy_computes_the_same_in_onnx(tmp_path: Path):
    gate = 'layer { name: "g" type: "Pooling" bottom: "c" top: "g" pooling_param { pool: AVE global_pooling: true } }\n'
    axpy = 'layer { name: "l" type: "Axpy" bottom: "g" bottom: "c" bottom: "c" top: "l" }'
    compare(*export(tmp_path, DATA + CONV + gate + axpy))


@pytest.mark.parametrize("type_, param", [("Upsample", "upsample_param { upsample_h: 12 upsample_w: 20 }"),
                                          ("Unpooling", "unpooling_param { kernel_size: 2 unpool_h: 12 unpool_w: 20 }"),
                                          ])  # fmt: skip
def test_unpooling_computes_the_same_in_onnx(tmp_path: Path, type_: str, param: str):
    unpool = f'layer {{ name: "u" type: "{type_}" bottom: "p" bottom: "m" top: "u" {param} }}'
    compare(*export(tmp_path, DATA + POOL + unpool))


@pytest.mark.parametrize("name", ["SegNet", "DeconvNet", "ENet", "U-Net", "DilatedNet"])
def test_a_whole_net_computes_the_same_in_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv("CAFFE_DIALECT", "longjon")
    text = (
        write_net(name, has_loss=False).replace("bn_mode: LEARN", "bn_mode: INFERENCE").replace("dim: 4\n", "dim: 1\n")
    )
    model, run = export(tmp_path, text, name)
    if name == "U-Net":  # other sizes do not divide by 16
        monkeypatch.setattr("fcn_repro.model.exchange.export.SIZES", ((188, 204),))
    if name == "ENet":  # halves must fit the sizes
        monkeypatch.setattr("fcn_repro.model.exchange.export.SIZES", ((64, 96), (128, 72)))
    if name == "DilatedNet":
        monkeypatch.setattr("fcn_repro.model.exchange.export.SIZES", ((396, 404),))
    compare(model, run)


def test_refuses_what_onnx_cannot_say(tmp_path: Path):
    with pytest.raises(ValueError, match="layer l normalises by each batch; expected fixed statistics"):
        export(
            tmp_path / "a",
            DATA + CONV + 'layer { name: "l" type: "BN" bottom: "c" top: "l" bn_param { bn_mode: LEARN } }',
        )
    with pytest.raises(ValueError, match="the output m is a mask of pooling"):
        export(tmp_path / "b", DATA + POOL)
    with pytest.raises(ValueError, match="got type SegAccuracy, expected one with ONNX"):
        label = DATA.replace('"data"', '"i"').replace("dim: 3", "dim: 1")
        accuracy = 'layer { name: "l" type: "SegAccuracy" bottom: "c" bottom: "i" top: "l" }'
        export(tmp_path / "c", DATA + CONV + label + accuracy)
