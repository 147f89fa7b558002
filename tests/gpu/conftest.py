"""Compare a GPU with the CPU: `make test-gpu`, on a machine with a GPU."""

from collections.abc import Iterator

import pytest
import torch

from fcn_repro.caffe import mode
from fcn_repro.caffe.random import rng


def pytest_configure() -> None:
    if not torch.cuda.is_available():
        raise pytest.UsageError(
            f"torch {torch.__version__} sees no CUDA device here, and these tests compare one with the CPU; "
            "install a CUDA build of torch, or run make test, which needs none"
        )


@pytest.fixture(autouse=True)
def cpu_again() -> Iterator[None]:
    """Return to the CPU after each test."""
    yield
    mode.set_mode_cpu()


@pytest.fixture
def alike_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw dropout masks on the host, so that both devices get the same."""

    def drawn(shape, p, device):
        return torch.from_numpy(rng.host().bernoulli(shape, p)).to(device)

    monkeypatch.setattr(rng, "bernoulli", drawn)
