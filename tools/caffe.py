"""Caffe's command line: train by a solver file, test weights, time layers.

    python -m tools.caffe train --solver FILE [--snapshot FILE.solverstate | --weights A.caffemodel,B.caffemodel]
    python -m tools.caffe test  --model FILE --weights A.caffemodel [--iterations 50]
    python -m tools.caffe time  --model FILE [--iterations 50] [--phase TRAIN]

All take --gpu N, --level N and --stage A,B. Without --gpu, training uses the file's solver_mode and
device_id, and everything else the CPU. While training, Ctrl-C stops after a snapshot and SIGHUP takes a snapshot
(--sigint_effect, --sighup_effect). GLOG_minloglevel=1 hides the log.

Differs  one GPU only; `time` prints a table, without layers that the net does not run backward
Exit     0 done, or stopped on request · 1 an error in a prototxt or while running · 2 bad arguments · 3 a missing file
Source   caffe 9b89154 tools/caffe.cpp
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Sequence

import numpy as np

from fcn_repro import device
from fcn_repro.analysis.cost import timing
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import prototxt
from fcn_repro.training.data_parallel import make_solver
from tools import program

EFFECTS = ("stop", "snapshot", "none")


class Stopped(Exception):
    """A signal requested a stop."""


# -- train -------------------------------------------------------------------------------------------------------------


def train(options: argparse.Namespace) -> None:
    """Train, from a snapshot or from weights if given; a requested stop ends it as max_iter does."""
    param = prototxt.read_solver(_require(options.solver))
    _apply_options(param, options)
    solver = make_solver(param)
    for net in (solver.net, *solver.test_nets):
        for path in options.weights:
            net.copy_from(str(_require(path)))
    if options.snapshot:
        solver.restore(str(_require(options.snapshot)))
    _handle_signals(solver, {signal.SIGINT: options.sigint_effect, signal.SIGHUP: options.sighup_effect})
    try:
        solver.solve()
    except Stopped:
        if param.snapshot_after_train:
            solver.snapshot()
        print(f"Optimization stopped early, at iteration {solver.iter}")
    else:
        print("Optimization done")


def _apply_options(param: caffe.proto.caffe_pb2.SolverParameter, options: argparse.Namespace) -> None:
    """Override the solver file by the arguments, and choose the device."""
    param.train_state.level = options.level
    param.train_state.stage.extend(options.stage)
    if (options.weights or options.snapshot) and getattr(param, "weights", None):  # a field that Caffe 1.0 lacks
        del param.weights[:]
    stem = os.path.splitext(str(options.solver))[0]
    if not param.HasField("snapshot_prefix"):
        param.snapshot_prefix = stem
    elif os.path.isdir(param.snapshot_prefix):
        param.snapshot_prefix = os.path.join(param.snapshot_prefix, os.path.basename(stem))
    if options.gpu is None and param.HasField("solver_mode") and param.solver_mode == param.GPU:
        options.gpu = param.device_id
    device.choose(-1 if options.gpu is None else options.gpu)


def _handle_signals(solver: caffe.SGDSolver, effects: dict[int, str]) -> None:
    """Act on signals between two iterations."""
    requests: list[str] = []

    def request(number: int, frame: FrameType | None) -> None:
        requests.append(effects[number])

    def act() -> None:
        while requests:
            if requests.pop(0) == "stop":
                raise Stopped
            solver.snapshot()

    for number, effect in effects.items():
        if effect != "none":
            signal.signal(number, request)
    solver.add_callback(act, lambda: None)


# -- test --------------------------------------------------------------------------------------------------------------


def test(options: argparse.Namespace) -> None:
    """Print every output of every pass, then their means."""
    net = _load_net(options, caffe.TEST)
    for path in options.weights:
        net.copy_from(str(_require(path)))
    totals = {name: np.zeros_like(net.blobs[name].data, dtype=np.float64) for name in net.outputs}
    loss = 0.0
    for iteration in range(options.iterations):
        loss += net._forward(0, len(net.layers) - 1)
        for name, total in totals.items():
            values = net.blobs[name].data
            totals[name] = total + values
            print(*(f"Batch {iteration}, {name} = {value:g}" for value in values.flat), sep="\n")
    print(f"Loss: {loss / options.iterations:g}")
    for name, total in totals.items():
        weight = net.blob_loss_weights[name]
        for mean in (total / options.iterations).flat:
            print(f"{name} = {mean:g}" + (f" (* {weight:g} = {weight * mean:g} loss)" if weight else ""))


# -- time --------------------------------------------------------------------------------------------------------------


def time(options: argparse.Namespace) -> None:
    """Print each layer's mean time, after one pass to warm up."""
    net = _load_net(options, getattr(caffe, options.phase))
    count = len(net.layers)
    print(f"Initial loss: {net._forward(0, count - 1):g}")
    net._backward(count - 1, 0)
    spent = 1000 * sum(timing.measure_layers(net) for _ in range(options.iterations)) / options.iterations
    rows = [*zip(net._layer_names, (layer.type for layer in net.layers)), ("total", "")]
    width = max(len(name) for name, _ in rows)
    print(f"{'layer':{width}}  {'type':20}  forward ms  backward ms")
    for (name, kind), (forward, backward) in zip(rows, [*spent, spent.sum(0)]):
        print(f"{name:{width}}  {kind:20}  {forward:10.3f}  {backward:11.3f}")


# -- arguments ---------------------------------------------------------------------------------------------------------


def _load_net(options: argparse.Namespace, phase: int) -> caffe.Net:
    device.choose(-1 if options.gpu is None else options.gpu)
    return caffe.Net(str(_require(options.model)), phase, level=options.level, stages=options.stage)


def _require(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path}: missing; the path is relative to {os.getcwd()}")
    return path


def _split(text: str) -> list[str]:
    return [item for item in text.split(",") if item]


def _paths(text: str) -> list[Path]:
    return [Path(item) for item in _split(text)]


def main(options: argparse.Namespace) -> None:
    """Run a verb."""
    caffe.init_log(int(os.environ.get("GLOG_minloglevel", "0")))
    options.run(options)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse Caffe's own command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--gpu", type=int, metavar="N", help="a GPU's number")
    shared.add_argument("--level", type=int, default=0, metavar="N", help="of the net's state")
    shared.add_argument("--stage", type=_split, default=[], metavar="A,B", help="stages of the net's state")
    verbs = parser.add_subparsers(dest="verb", required=True)

    verb = verbs.add_parser("train", parents=[shared], help="train, or resume training")
    verb.add_argument("--solver", type=Path, required=True)
    start = verb.add_mutually_exclusive_group()
    start.add_argument("--snapshot", type=Path, metavar="SOLVERSTATE", help="resume from this")
    start.add_argument("--weights", type=_paths, default=[], metavar="A,B", help="start from these")
    verb.add_argument("--sigint_effect", choices=EFFECTS, default="stop")
    verb.add_argument("--sighup_effect", choices=EFFECTS, default="snapshot")
    verb.set_defaults(run=train)

    verb = verbs.add_parser("test", parents=[shared], help="score a model")
    verb.add_argument("--weights", type=_paths, required=True, metavar="A,B")
    verb.set_defaults(run=test)
    timing = verbs.add_parser("time", parents=[shared], help="measure a model's layers")
    timing.add_argument("--phase", choices=("TRAIN", "TEST"), default="TRAIN")
    timing.set_defaults(run=time)
    for measuring in (verb, timing):
        measuring.add_argument("--model", type=Path, required=True)
        measuring.add_argument("--iterations", type=program.positive, default=50, metavar="N")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(program.run(main, parse()))
