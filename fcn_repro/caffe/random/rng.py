"""caffe.set_random_seed and what it seeds: fillers, dropout masks and data layers.

Each thread has generators of its own, seeded by the operating system at the first draw unless `set_random_seed` was
called: so processes that are forked before they draw draw other numbers. Fillers and data layers always draw on the
host; a dropout mask is drawn where it is used.

Source   caffe 9b89154 common.cpp (Caffe::RNG, set_random_seed)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from fcn_repro.caffe.random.host_generator import HostGenerator, State


class _Generators(threading.local):
    def seeded(self) -> _Generators:
        if not hasattr(self, "host"):
            self.seed(int.from_bytes(os.urandom(4), "little"))
        return self

    def seed(self, seed: int) -> None:
        self.host = HostGenerator(seed)
        self._seed = seed
        self._on_gpu: dict[torch.device, torch.Generator] = {}

    def on_gpu(self, device: torch.device) -> torch.Generator:
        if device not in self._on_gpu:
            self._on_gpu[device] = torch.Generator(device).manual_seed(self._seed)
        return self._on_gpu[device]

    @property
    def state(self) -> State:
        gpus = {str(device): generator.get_state().numpy() for device, generator in self._on_gpu.items()}
        return {**self.host.state, **gpus}

    @state.setter
    def state(self, state: State) -> None:
        self.host.state = state
        for name in state.keys() - self.host.state.keys():
            self.on_gpu(torch.device(name)).set_state(torch.from_numpy(state[name]))


_generators = _Generators()


def set_random_seed(seed: int) -> None:
    """caffe.set_random_seed: start this thread's generators anew from an unsigned 32-bit seed.

    Raises   CaffeError when the seed is out of range.
    """
    _generators.seed(seed)


def random_state() -> State:
    """What to keep in order to draw the same numbers again from here on, as arrays by name."""
    return _generators.seeded().state


def set_random_state(state: State) -> None:
    """Go on from where `random_state` was called."""
    _generators.seeded().state = state


def host() -> HostGenerator:
    """This thread's generator on the CPU."""
    return _generators.seeded().host


def bernoulli(shape: Sequence[int], p: float, device: torch.device) -> Tensor:
    """Bool, True with probability p, on `device`; on the CPU these are the values Caffe draws there.

    Differs  Caffe draws masks for a GPU with cuRAND, whose stream torch does not offer; torch's own is as random.
    """
    if device.type == "cpu":
        return torch.from_numpy(host().bernoulli(shape, p))
    return torch.rand(shape, device=device, generator=_generators.seeded().on_gpu(device)) < p
