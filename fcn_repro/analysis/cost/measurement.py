"""Time and peak memory of a net, measured in a separate process, which may run out of memory."""

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

WARM_UP = 1  # passes: the first allocates memory and reads the weights
CACHING = 3  # whole TEST passes after which the engine has cached padding for an input size


class NotEnoughMemory(Exception):
    """The net did not fit into memory; the message is that of the allocator."""


@dataclass(frozen=True)
class Job:
    """A measurement to make.

    net        a prototxt with Input layers: `fcn_repro.analysis.cost.costs.replace_data_layers`
    trains     in TRAIN phase with backward passes; else in TEST phase
    passes     that count, of each kind
    gpu        as `fcn_repro.device.choose` takes it
    label, work, before, total   of the progress bar: GFLOP of a pass, of earlier jobs and of all jobs
    """

    net: Path
    trains: bool
    passes: int
    gpu: int | None
    label: str
    work: int
    before: int
    total: int

    @property
    def all_passes(self) -> int:
        """Passes including those that warm up."""
        return count_passes(self.trains, self.passes)


@dataclass(frozen=True)
class Measurement:
    """A measurement in seconds and bytes.

    layers_forward_s, layers_backward_s   of each layer, run alone: medians over the passes
    forward_s, backward_s                 of each whole pass, with a warm cache
    peak_bytes                            peak memory of the process
    """

    layers_forward_s: list[float]
    layers_backward_s: list[float]
    forward_s: list[float]
    backward_s: list[float]
    peak_bytes: int


def count_passes(trains: bool, passes: int) -> int:
    """Count the passes that it takes to measure `passes` of each kind."""
    return WARM_UP + 2 * passes + (0 if trains else CACHING)


def measure_in_process(job: Job) -> Measurement:
    """Run a job in a new process, which may use the memory available now and ends with this call.

    Raises   NotEnoughMemory; RuntimeError with the engine's message about the net
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
        raise NotEnoughMemory(f"its process ended with {process.exitcode}") from None
    finally:
        process.terminate()
        process.join()
    if isinstance(found, Exception):
        raise found
    return found


def _send(to: Connection, job: Job) -> None:
    try:
        to.send(measure(job))
    except (NotEnoughMemory, RuntimeError, ValueError) as error:
        to.send(error if isinstance(error, NotEnoughMemory) else RuntimeError(str(error)))


def measure(job: Job) -> Measurement:
    """Run a job in this process, limited to the memory available now."""
    available = memory.available_bytes()
    if math.isfinite(available):
        memory.limit_bytes(int(available))
    device.choose(job.gpu)
    try:
        with Progress(job.total, job.label, "GFLOP", job.before) as progress:
            return _measure(job, progress)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "alloc" in str(error) or "memory" in str(error):
            raise NotEnoughMemory(str(error).splitlines()[0] if str(error) else "out of memory") from None
        raise


def _measure(job: Job, progress: Progress) -> Measurement:
    net = caffe.Net(str(job.net), caffe.TRAIN if job.trains else caffe.TEST)
    fill(net)
    layers, forward, backward = [], [], []
    for i in range(WARM_UP + job.passes):
        net.clear_param_diffs()
        layers += [timing.measure_layers(net, job.trains)] * (i >= WARM_UP)
        progress.advance(job.work)
    for i in range(job.all_passes - WARM_UP - job.passes):
        counts = job.trains or i >= CACHING
        forward += [timing.measure_forward(net)] * counts
        backward += [timing.measure_backward(net)] * job.trains
        progress.advance(job.work)
    layers_forward, layers_backward = np.median(layers, axis=0).T.tolist()
    return Measurement(layers_forward, layers_backward, forward, backward, memory.peak_bytes())


def fill(net: caffe.Net) -> None:
    """Fill a net with images of noise and with random weights that preserve variance; upsampling interpolates.

    Zero weights would not do: the engine may skip them. Filters are filled one by one, to make no copy of the weights.
    """
    random = np.random.default_rng(0)
    for name, blobs in net.params.items():
        if net.layer_dict[name].type in ("Convolution", "InnerProduct"):
            widest = math.sqrt(6 / (blobs[0].count / blobs[0].shape[0]))  # He's variance, 2 / fan-in
            for filters in blobs[0].data:
                filters[...] = widest * (2 * random.random(filters.shape, dtype=np.float32) - 1)
    surgery.interp(net, surgery.find_upsampling_layers(net))
    for name in net.inputs:
        blob = net.blobs[name]
        if len(blob.shape) == 4 and blob.shape[1] > 1:  # labels stay 0, the first class
            blob.data[...] = 256 * random.random(tuple(blob.shape), dtype=np.float32) - 128
