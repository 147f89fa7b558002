"""Time and memory of a net, measured in a process of its own: memory peaks once in a process, and may not suffice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from fcn_repro import device
from fcn_repro.analysis.cost import timing
from fcn_repro.engine import caffe
from fcn_repro.model import surgery
from fcn_repro.system import memory
from fcn_repro.system.progress import Progress

WARM_UP = 1  # passes: memory is fetched, weights are met for the first time
KEEPING = 3  # whole passes until the engine has kept, of a size, what all pictures have in common


class DidNotFit(Exception):
    """There was not enough memory; the message says how it showed."""


@dataclass(frozen=True)
class Job:
    """What is to be measured.

    net        a prototxt whose inputs are Input layers: `fcn_repro.analysis.cost.costs.fed`
    learning   in TRAIN phase, with backward passes; else in TEST phase
    passes     of each kind that count
    gpu        as `fcn_repro.device.choose` takes it
    label, work, before, total   for the line that tells of progress: what it says, GFLOP of a pass, of what was
               measured before, and of all that is to be measured
    """

    net: Path
    learning: bool
    passes: int
    gpu: int | None
    label: str
    work: int
    before: int
    total: int

    @property
    def all_passes(self) -> int:
        """Those that warm up included."""
        return all_passes(self.learning, self.passes)


@dataclass(frozen=True)
class Measurement:
    """What was measured, in seconds and bytes.

    layers_forward_s, layers_backward_s   of each layer, run by itself: medians over the passes
    forward_s, backward_s                 of each whole pass; of a size that the net has met before
    peak_bytes                            of the process
    """

    layers_forward_s: list[float]
    layers_backward_s: list[float]
    forward_s: list[float]
    backward_s: list[float]
    peak_bytes: int


def all_passes(learning: bool, passes: int) -> int:
    """How many passes it takes to measure some of each kind."""
    return WARM_UP + 2 * passes + (0 if learning else KEEPING)


def measured(job: Job) -> Measurement:
    """Do a job in a new process that may take what memory is available now; it ends with this call, however that ends.

    Raises   DidNotFit; RuntimeError with what the engine says of the net
    """
    spawning = get_context("spawn")
    result, sends = spawning.Pipe(duplex=False)
    process = spawning.Process(target=_send, args=(sends, job), daemon=True)
    process.start()
    sends.close()
    try:
        found = result.recv()
    except EOFError:
        process.join()
        raise DidNotFit(f"its process ended with {process.exitcode}") from None
    finally:
        process.terminate()
        process.join()
    if isinstance(found, Exception):
        raise found
    return found


def _send(to: Connection, job: Job) -> None:
    try:
        to.send(measure(job))
    except (DidNotFit, RuntimeError, ValueError) as trouble:
        to.send(trouble if isinstance(trouble, DidNotFit) else RuntimeError(str(trouble)))


def measure(job: Job) -> Measurement:
    """Do a job in this process, which is limited to the memory available now."""
    room = memory.available_bytes()
    if math.isfinite(room):
        memory.limit_bytes(int(room))
    device.choose(job.gpu)
    try:
        with Progress(job.total, job.label, "GFLOP", job.before) as progress:
            return _measure(job, progress)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "alloc" in str(error) or "memory" in str(error):
            raise DidNotFit(str(error).splitlines()[0] if str(error) else "out of memory") from None
        raise


def _measure(job: Job, progress: Progress) -> Measurement:
    net = caffe.Net(str(job.net), caffe.TRAIN if job.learning else caffe.TEST)
    fill(net)
    layers, forward, backward = [], [], []
    for i in range(WARM_UP + job.passes):
        net.clear_param_diffs()
        layers += [timing.by_layer(net, job.learning)] * (i >= WARM_UP)
        progress.advance(job.work)
    for i in range(job.all_passes - WARM_UP - job.passes):
        counts = job.learning or i >= KEEPING
        forward += [timing.forward(net)] * counts
        backward += [timing.backward(net)] * job.learning
        progress.advance(job.work)
    layers_forward, layers_backward = np.median(layers, axis=0).T.tolist()
    return Measurement(layers_forward, layers_backward, forward, backward, memory.peak_bytes())


def fill(net: caffe.Net) -> None:
    """Give a net pictures of noise, and random weights that keep their spread; its upsampling interpolates.

    Zeros are no weights to measure with: they could be spared. Filled piece by piece: no copy of the weights is made.
    """
    random = np.random.default_rng(0)
    for name, blobs in net.params.items():
        if net.layer_dict[name].type in ("Convolution", "InnerProduct"):
            widest = math.sqrt(6 / (blobs[0].count / blobs[0].shape[0]))  # He's variance, 2 / fan-in
            for filters in blobs[0].data:
                filters[...] = widest * (2 * random.random(filters.shape, dtype=np.float32) - 1)
    surgery.interp(net, surgery.upsampling_layers(net))
    for name in net.inputs:
        blob = net.blobs[name]
        if len(blob.shape) == 4 and blob.shape[1] > 1:  # labels stay 0, the first class
            blob.data[...] = 256 * random.random(tuple(blob.shape), dtype=np.float32) - 128
