"""caffe.set_random_seed and this thread's generators, for fillers, dropout masks and data layers.

The operating system seeds a thread's generators at its first draw, unless `set_random_seed` did. So processes forked
before their first draw draw different numbers. Fillers and data layers always draw on the host; dropout masks are
drawn on their device.

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
    """caffe.set_random_seed: restart this thread's generators from an unsigned 32-bit seed.

    Raises   CaffeError when the seed is out of range
    """
    _generators.seed(seed)


def random_state() -> State:
    """Return the state of this thread's generators, as arrays by name."""
    return _generators.seeded().state


def set_random_state(state: State) -> None:
    """Resume from a state that `random_state` returned."""
    _generators.seeded().state = state


def host() -> HostGenerator:
    """Return this thread's generator on the CPU."""
    return _generators.seeded().host


def bernoulli(shape: Sequence[int], p: float, device: torch.device) -> Tensor:
    """Draw bools, True with probability p, on `device`; on the CPU the values that Caffe draws.

    Differs  Caffe draws GPU masks with cuRAND, whose stream torch does not offer; this uses torch's generator
    """
    if device.type == "cpu":
        return torch.from_numpy(host().bernoulli(shape, p))
    return torch.rand(shape, device=device, generator=_generators.seeded().on_gpu(device)) < p
