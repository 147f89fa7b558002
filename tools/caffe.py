"""Caffe's command line: train by a solver file, test weights, time layers, query GPUs.

    python -m tools.caffe train -solver FILE [-snapshot FILE.solverstate | -weights A.caffemodel,B.caffemodel]
    python -m tools.caffe test -model FILE -weights A.caffemodel [-iterations 50]
    python -m tools.caffe time -model FILE [-iterations 50] [-phase TEST]
    python -m tools.caffe device_query -gpu all

Flags are gflags': one dash or two, = or a blank, before or after the verb. Without -gpu, training uses the file's
solver_mode and device_id, and everything else the CPU. -gpu 0,1 or all trains in a process per GPU, through torchrun.
Python layers are found on PYTHONPATH and in the working directory; in them `import caffe` gives this engine.
While training, Ctrl-C stops after a snapshot and SIGHUP takes a snapshot. The log goes to stderr, as Caffe's.

Differs  device_query prints what torch reports of a GPU
Exit     0 done, or stopped on request · 1 an error in a prototxt or while running · 2 bad arguments · 3 a missing file
Source   caffe 9b89154 tools/caffe.cpp
"""

from __future__ import annotations

import os
import signal
import sys
import time as clock
from pathlib import Path
from types import FrameType
from typing import Any, Sequence

import numpy as np

from fcn_repro import device, ranks
from fcn_repro.analysis.cost import timing
from fcn_repro.engine import caffe
from fcn_repro.model import prototxt
from fcn_repro.system.gflags import Flag, GflagsParser
from fcn_repro.training import data_parallel
from tools import program

EFFECTS = ("stop", "snapshot", "none")
FLAGS = {
    "solver": Flag("", "train: the solver file"),
    "model": Flag("", "test, time: the net's prototxt"),
    "weights": Flag("", "train, test: caffemodels to start from or to test, separated by ','"),
    "snapshot": Flag("", "train: the solverstate to resume from"),
    "iterations": Flag(50, "test, time: the number of passes"),
    "gpu": Flag("", "numbers of GPUs separated by ',', or all"),
    "phase": Flag("", "time: TRAIN or TEST; TRAIN without it"),
    "level": Flag(0, "level of the net's state"),
    "stage": Flag("", "stages of the net's state, separated by ','"),
    "dialect": Flag("", "the fork that the net was written for: docs/old-caffe-projects.md"),
    "sigint_effect": Flag("stop", "train: what Ctrl-C does, of " + ", ".join(EFFECTS)),
    "sighup_effect": Flag("snapshot", "train: what SIGHUP does, of the same"),
}

log = program.caffe_log("caffe.cpp")


class Stopped(Exception):
    """A signal requested a stop."""


# -- train -------------------------------------------------------------------------------------------------------------


def train(options: Any) -> None:
    """Train, from a snapshot or from weights if given; a requested stop ends it as max_iter does."""
    param = prototxt.read_solver(Path(program.require_file(options.solver)))
    weights = [program.require_file(path) for path in _split(options.weights)]
    if options.snapshot:
        program.require_file(options.snapshot)
    if not options.gpu and param.HasField("solver_mode") and param.solver_mode == param.GPU:
        options.gpu = str(param.device_id)
    gpus = find_gpus(options.gpu)
    if len(gpus) > 1 and ranks.launched_count() == 1:
        status = ranks.launch(gpus, ["-m", "fcn_repro", "caffe", *options.arguments])
        if status:
            raise RuntimeError(f"the processes of GPUs {options.gpu} ended with status {status}")
        return
    _choose_device(gpus)
    _complete(param, options, weights)
    solver = data_parallel.make_solver(param)
    if options.snapshot:
        log(f"Resuming from {options.snapshot}")
        solver.restore(options.snapshot)
    data_parallel.couple(solver)
    _handle_signals(solver, {"SIGINT": options.sigint_effect, "SIGHUP": options.sighup_effect})
    log("Starting Optimization")
    _solve(solver, param)
    log("Optimization Done.")


def _complete(param: caffe.proto.caffe_pb2.SolverParameter, options: Any, weights: Sequence[str]) -> None:
    """Override the solver file by the arguments."""
    param.train_state.level = options.level
    param.train_state.stage.extend(_split(options.stage))
    if weights or options.snapshot:
        del param.weights[:]
        param.weights.extend(weights)
    stem = Path(options.solver).with_suffix("")
    if not param.HasField("snapshot_prefix"):
        param.snapshot_prefix = str(stem)
    elif Path(param.snapshot_prefix).is_dir():
        param.snapshot_prefix = str(Path(param.snapshot_prefix, stem.name))


def _solve(solver: caffe.SGDSolver, param: caffe.proto.caffe_pb2.SolverParameter) -> None:
    try:
        if ranks.is_root():
            solver.solve()
        else:
            solver.step(param.max_iter - solver.iter)
    except Stopped:
        if param.snapshot_after_train and ranks.is_root():
            solver.snapshot()
        log("Optimization stopped early.")


def _handle_signals(solver: caffe.SGDSolver, effects: dict[str, str]) -> None:
    """Act on signals between two iterations, all ranks on the root's."""
    requests: list[str] = []
    numbers = {getattr(signal, name): effect for name, effect in effects.items() if hasattr(signal, name)}

    def request(number: int, frame: FrameType | None) -> None:
        requests.append(numbers[number])

    def act() -> None:
        for effect in ranks.broadcast_from_root(lambda: [requests.pop(0) for _ in list(requests)]):
            if effect == "stop":
                raise Stopped
            if ranks.is_root():
                solver.snapshot()

    for number, effect in numbers.items():
        if effect != "none":
            signal.signal(number, request)
    solver.add_callback(act, lambda: None)


# -- test --------------------------------------------------------------------------------------------------------------


def test(options: Any) -> None:
    """Log every output of every pass, then their means."""
    net = _load_net(options, caffe.TEST)
    for path in _split(options.weights):
        net.copy_from(program.require_file(path))
    log(f"Running for {options.iterations} iterations.")
    totals: dict[str, Any] = dict.fromkeys(net.outputs, 0)
    loss = 0.0
    for iteration in range(options.iterations):
        loss += net._forward(0, len(net.layers) - 1)
        for name in totals:
            values = net.blobs[name].data
            totals[name] = totals[name] + values.astype(np.float64)
            for value in values.flat:
                log(f"Batch {iteration}, {name} = {value:g}")
    log(f"Loss: {loss / options.iterations:g}")
    for name, total in totals.items():
        weight = net.blob_loss_weights[name]
        for mean in np.ravel(total / options.iterations):
            log(f"{name} = {mean:g}" + (f" (* {weight:g} = {weight * mean:g} loss)" if weight else ""))


# -- time --------------------------------------------------------------------------------------------------------------


def time(options: Any) -> None:
    """Log each layer's mean time, after one pass to warm up."""
    net = _load_net(options, getattr(caffe, options.phase or "TRAIN"))
    count = len(net.layers)
    log("Performing Forward")
    log(f"Initial loss: {net._forward(0, count - 1):g}")
    log("Performing Backward")
    net._backward(count - 1, 0)
    log("*** Benchmark begins ***")
    log(f"Testing for {options.iterations} iterations.")
    spent = np.zeros((count, 2))  # ms, forward and backward
    start = clock.perf_counter()
    for iteration in range(options.iterations):
        passes = 1000 * timing.measure_layers(net)
        spent += passes
        log(f"Iteration: {iteration + 1} forward-backward time: {passes.sum():g} ms.")
    total = 1000 * (clock.perf_counter() - start)
    log("Average time per layer: ")
    for name, (forward, backward) in zip(net._layer_names, spent / options.iterations):
        log(f"{name:>10}\tforward: {forward:g} ms.")
        log(f"{name:>10}\tbackward: {backward:g} ms.")
    forward, backward = spent.sum(0) / options.iterations
    log(f"Average Forward pass: {forward:g} ms.")
    log(f"Average Backward pass: {backward:g} ms.")
    log(f"Average Forward-Backward: {total / options.iterations:g} ms.")
    log(f"Total Time: {total:g} ms.")
    log("*** Benchmark ends ***")


# -- devices -----------------------------------------------------------------------------------------------------------


def device_query(options: Any) -> None:
    """Log the properties of GPUs."""
    program.require_torch("device_query")
    log(f"Querying GPUs {options.gpu}")
    for gpu in find_gpus(options.gpu):
        for line in caffe.mode.describe_device(gpu):
            log(line)


def find_gpus(text: str) -> list[int]:
    """Return the GPUs that -gpu names; none for no text.

    Raises   ValueError for other text than numbers or all
    """
    if text == "all":
        program.require_torch("-gpu all")
        return list(range(caffe.mode.count_devices()))
    if not all(number.isdecimal() for number in _split(text)):
        raise ValueError(f"-gpu: got {text!r}, expected numbers of GPUs separated by ',', or all")
    return [int(number) for number in _split(text)]


def _choose_device(gpus: Sequence[int]) -> None:
    ranks.join()
    if ranks.count() > 1:
        device.choose(None if gpus else -1)
    else:
        device.choose(gpus[0] if gpus else -1)
    log(f"Using GPUs {', '.join(map(str, gpus))}" if gpus else "Use CPU.")


def _load_net(options: Any, phase: int) -> caffe.Net:
    path = program.require_file(options.model)
    _choose_device(find_gpus(options.gpu)[:1])
    return caffe.Net(path, phase, level=options.level, stages=_split(options.stage))


# -- arguments ---------------------------------------------------------------------------------------------------------


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


VERBS = {"train": train, "test": test, "time": time, "device_query": device_query}
NEEDED = {"train": ("solver",), "test": ("model", "weights"), "time": ("model",), "device_query": ()}


def main(options: Any) -> None:
    """Run a verb."""
    if options.dialect:
        os.environ["CAFFE_DIALECT"] = options.dialect
    VERBS[options.verb](options)


def parse(arguments: Sequence[str] | None = None) -> Any:
    """Parse Caffe's own command line."""
    parser = GflagsParser(__doc__, FLAGS, f"({' | '.join(VERBS)}) [FLAGS]")
    options, others = parser.parse(arguments)
    if len(others) != 1 or others[0] not in VERBS:
        parser.error(f"got {' '.join(others) or 'no verb'}, expected one of {', '.join(VERBS)}")
    options.verb = others[0]
    for name in NEEDED[options.verb]:
        if not getattr(options, name):
            parser.error(f"{options.verb} needs -{name}")
    if options.snapshot and options.weights:
        parser.error("got -snapshot and -weights, expected one of them")
    for name, known in (("sigint_effect", EFFECTS), ("sighup_effect", EFFECTS), ("phase", ("", "TRAIN", "TEST"))):
        if getattr(options, name) not in known:
            parser.error(f"-{name}: got {getattr(options, name)!r}, expected {' or '.join(filter(None, known))}")
    if options.iterations < 1:
        parser.error(f"-iterations: got {options.iterations}, expected 1 or more")
    return options


if __name__ == "__main__":
    sys.exit(program.run_caffe(main, parse()))
