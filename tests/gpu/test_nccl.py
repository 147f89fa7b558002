"""Training with NCCL: here with a single rank, as one GPU serves one rank."""

import numpy as np

from fcn_repro import caffe
from tests.fixtures.least_squares import solver_file
from tests.fixtures.parallel_training import train
from tests.fixtures.together import together


def train_there(path: str, uid: bytes | None) -> tuple[list[np.ndarray], str]:
    """The parameters that `train` leaves, and the backend that it used."""
    import torch.distributed as dist

    caffe.set_mode_gpu()
    return train(path, uid=uid, layer_wise=True), dist.get_backend_config() if uid else ""


def test_a_single_rank_trains_the_same_with_nccl_and_without(tmp_path):
    path = solver_file(tmp_path, {"momentum": 0.9, "weight_decay": 0.01, "iter_size": 2})
    ((expected, _),) = together(train_there, [(path, None)])
    ((found, carried_by),) = together(train_there, [(path, caffe.NCCL.new_uid())])
    assert "cuda:nccl" in carried_by
    for blob, same in zip(expected, found, strict=True):
        np.testing.assert_allclose(same, blob, rtol=1e-6, atol=1e-6 * np.abs(blob).max())
