"""Programs for both engines that write messages: every net and solver of the project, and small NetSpec programs.

    ENGINE=bvlc python -m tests.oracle.netspec_programs     prints JSON: title -> digest, values or type of exception

It runs on Python 3.8 beside real Caffe, so it also tests that nets/ and solvers/ do.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro.datasets import DATASETS
from fcn_repro.engine import caffe
from nets import CONVOLUTIONAL, FCNS, NETS, PHASES, build
from solvers.experiments import EXPERIMENTS
from solvers.prototxt import solver

L, P = caffe.layers, caffe.params


def run_programs() -> dict:
    """Title -> outcome of every program."""
    return {title: _outcome(program) for part in (_nets, _solvers, _specs, _maps) for title, program in part()}


def _outcome(program: Callable[[], Any]) -> Any:
    try:
        result = program()
    except Exception as error:  # noqa: BLE001 - its type is the outcome
        return f"raises {type(error).__name__}"
    if hasattr(result, "SerializeToString"):
        return hashlib.sha256(result.SerializeToString(deterministic=True)).hexdigest()
    return result


def _nets() -> Iterator[tuple[str, Callable[[], Any]]]:
    data = DATASETS["voc"]
    for net in NETS:
        for phase in ["deploy"] if net in CONVOLUTIONAL else PHASES:
            for normalize in (False, True) if net in FCNS else (False,):
                yield f"{net} {phase} {normalize}", lambda n=net, p=phase, m=normalize: build(n, p, data, m)


def _solvers() -> Iterator[tuple[str, Callable[[], Any]]]:
    for row in EXPERIMENTS.values():
        yield f"solver {row.name}", lambda row=row: solver(row, Path("t"), Path("v"), 9, Path("s"))
    last = dataclasses.replace(row, max_iter=7)
    yield "solver max_iter", lambda: solver(last, Path("t"), Path("v"), 9, Path("s"))


def _specs() -> Iterator[tuple[str, Callable[[], Any]]]:
    x = L.Input(shape=dict(dim=[1, 2, 8, 8]))
    yield "anonymous", lambda: caffe.to_proto(L.Eltwise(L.ReLU(x), L.ReLU(x)), L.Silence(x, ntop=1))
    yield "top to_proto", lambda: L.Pooling(x, pool=P.Pooling.AVE, kernel_size=3).to_proto()
    yield "named", _named
    for title, keywords in {
        "list": dict(kernel_size=[3, 5], pad=[1, 2]),
        "numpy scalars": dict(
            num_output=np.int64(4), kernel_size=np.int64(3), weight_filler=dict(std=np.float32(0.25))
        ),
        "dict for a list of messages": dict(param=dict(lr_mult=0)),
        "layer's own field": dict(loss_weight=2, include=dict(phase=0), propagate_down=[False], name="other"),
        "unknown parameter": dict(nosuch=3),
        "empty list": dict(kernel_size=[]),
        "tuple": dict(kernel_size=(3, 3)),
        "wrong type": dict(num_output="many"),
    }.items():
        yield f"convolution, {title}", lambda keywords=keywords: L.Convolution(x, **keywords).to_proto()
    yield "list for a scalar", lambda: L.Pooling(x, kernel_size=[3]).to_proto()
    yield "a bottom that is not a top", lambda: L.Convolution("x")
    yield "unknown name", lambda: caffe.NetSpec().nothing
    yield "unknown message", lambda: P.Nothing.X
    yield "unknown value", lambda: P.Pooling.MEDIAN


def _named() -> Any:
    n = caffe.NetSpec()
    n.data, n.label = L.Python(module="m", layer="l", ntop=2, param_str="x")
    conv = L.Convolution(n.data, kernel_size=3, param=[dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)])
    n.relu = L.ReLU(conv, in_place=True, negative_slope=0.5)
    n["conv"] = conv
    n.up = L.Deconvolution(n.relu, convolution_param=dict(num_output=4, kernel_size=4, stride=2, bias_term=False))
    n.quiet = L.Silence(n.up, ntop=0)
    n.alias = n.again = L.Scale(n.up, filler=dict(type="constant", value=0.01))
    first, second = L.Slice(n.up, ntop=2, slice_point=[1])
    n.swapped = L.Concat(second, first)
    n.loss = L.SoftmaxWithLoss(n.up, n.label, loss_param=dict(normalize=False, ignore_label=255))
    return n.to_proto()


def _maps() -> Iterator[tuple[str, Callable[[], Any]]]:
    tops = _tops()
    for i, a in enumerate(tops):
        for j, b in enumerate(tops):
            yield f"map {i} {j}", lambda a=a, b=b: _plain(caffe.coord_map.coord_map_from_to(a, b))
            if a is not b and not {a.fn.type_name, b.fn.type_name} & {"Crop", "Eltwise"}:
                # pycaffe fails on Python integers where no window lies between two tops
                yield f"crop {i} {j}", lambda a=a, b=b: caffe.coord_map.crop(a, b).to_proto()
    yield "windows by name", lambda: _plain(caffe.coord_map.coord_map(L.Pooling(tops[0], kernel_size=2, pad_h=1).fn))
    yield "no geometry", lambda: caffe.coord_map.coord_map(L.InnerProduct(tops[0]).fn)
    yield "two axes", lambda: caffe.coord_map.compose((1, 2, 3), (2, 1, 1))


def _tops() -> list:
    """The tops of a small net with every layer type that coord_map knows."""
    data = L.Input()
    tops, top = [data], data
    for pad in (100, 1, 1):
        conv = L.Convolution(top, kernel_size=3, pad=pad)
        top = L.Pooling(L.ReLU(conv, in_place=True), kernel_size=2, stride=2)
        tops += [conv, top]
    up = L.Deconvolution(top, convolution_param=dict(kernel_size=16, stride=8))
    crop = L.Crop(up, data, crop_param=dict(axis=2, offset=[10]))
    rectangular = L.Convolution(data, kernel_size=[3, 7], stride=[1, 2], pad=[0, 3], dilation=[2, 1])
    return [*tops, up, crop, L.Eltwise(crop, crop), rectangular, L.Concat(up, up)]


def _plain(coord_map: tuple) -> list:
    axis, scale, shift = coord_map
    return [axis, np.ravel(scale).tolist(), (np.ravel(shift) + 0.0).tolist()]


if __name__ == "__main__":
    json.dump(run_programs(), sys.stdout)
