"""Solvers of several processes. Each process runs a function of this file."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.random import rng
from tests.fixtures.least_squares import WEIGHT, batch, solver_file
from tests.fixtures.small_net import write
from tests.fixtures.together import together

STEPS = 5
SHARED = """
layer {{ name: "in" type: "DummyData" top: "data" top: "target"
         dummy_data_param {{ shape {{ dim: 4 dim: 3 }} shape {{ dim: 4 dim: 3 }} }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param {{ num_output: 3 }}
         param {{ name: "w" }} param {{ name: "b" }} }}
layer {{ name: "again" type: "InnerProduct" bottom: "ip" top: "again" inner_product_param {{ num_output: 3 }}
         param {{ name: "w" }} param {{ name: "b" }} }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "again" bottom: "target" top: "loss" }}
"""


@pytest.fixture(autouse=True)
def alone_again():
    """What a test says of ranks in this process ends with it."""
    yield
    caffe.set_solver_count(1)
    caffe.set_solver_rank(0)
    caffe.set_multiprocess(False)


def take_part(rank: int, ranks: int) -> None:
    """As Caffe's python/train.py does."""
    caffe.set_solver_count(ranks)
    caffe.set_solver_rank(rank)
    caffe.set_multiprocess(True)


def take_turns(net: caffe.Net, rank: int, ranks: int) -> None:
    """Let every forward pass see the rank's next batch of one order."""
    turns = map(batch, count(rank, ranks))

    def next_batch(layer: int) -> None:
        if layer == 0:
            data, target = next(turns)
            net.blobs["data"].data[...] = data
            net.blobs["target"].data[...] = np.resize(target, net.blobs["target"].data.shape)

    net.after_forward(next_batch)


def train(path: str, rank: int = 0, ranks: int = 1, uid: bytes | None = None, layer_wise: bool = False) -> list:
    """The parameters after some steps from the same beginning, and those of the history."""
    take_part(rank, ranks)
    solver = caffe.get_solver(path)
    for index, blob in enumerate(solver.net.params["ip"]):
        blob.data[...] = np.resize(WEIGHT, blob.data.shape) + index + rank  # the root's are taken
    take_turns(solver.net, rank, ranks)
    if uid is not None:
        nccl = caffe.NCCL(solver, uid)
        nccl.bcast()
        solver.add_callback(nccl)
        if layer_wise:
            solver.net.after_backward(nccl)
    solver.step(STEPS)
    blobs = [*solver.net.params["ip"], *solver.history]
    return [blob.data.copy() for blob in blobs]


def train_all(paths: list[str], rank: int, ranks: int, uid: bytes) -> list:
    return [train(path, rank, ranks, uid, layer_wise) for path in paths for layer_wise in (False, True)]


CASES = {
    "SGD": {"momentum": 0.9, "weight_decay": 0.01},
    "L1 decay": {"momentum": 0.9, "weight_decay": 0.01, "regularization_type": "L1"},
    "Adam": {"type": "Adam", "momentum": 0.9, "momentum2": 0.999, "base_lr": 0.01},
    "AdaGrad": {"type": "AdaGrad", "base_lr": 0.01},
}


def test_two_ranks_train_as_one_process_does_with_twice_the_iter_size(tmp_path):
    alone, shared = [], []
    for passes in 1, 3:
        for name, options in CASES.items():
            for files, size in (alone, 2 * passes), (shared, passes):
                folder = tmp_path / f"{name} {size} of {passes}"
                folder.mkdir()
                files.append(solver_file(folder, {**options, "iter_size": size}))
        for files, size in (alone, 2 * passes), (shared, passes):
            folder = tmp_path / f"shared {size} of {passes}"
            folder.mkdir()
            options = f'net: "{write(folder, SHARED.format())}" base_lr: 0.001 lr_policy: "fixed" momentum: 0.9'
            files.append(write(folder, f"{options} iter_size: {size}", "solver.prototxt"))
    expected = [train(path) for path in alone for _ in range(2)]
    uid = caffe.NCCL.new_uid()
    for found in together(train_all, [(shared, rank, 2, uid) for rank in range(2)]):
        for one, other in zip(expected, found, strict=True):
            for blob, same in zip(one, other, strict=True):
                np.testing.assert_allclose(same, blob, rtol=1e-6, atol=1e-6 * np.abs(blob).max())


def hear(path: str, rank: int, uid: bytes) -> dict:
    """What a rank sees of the others in other ways."""
    unseeded = rng.host().bernoulli((1000,), 0.5)
    take_part(rank, 3)
    solver = caffe.get_solver(path)
    frozen = solver.net.params["ip"][1]
    stamp, test_net = solver.net.params["ip"][0].stamp, solver.test_nets[0]
    test_net.share_with(solver.net)
    nccl = caffe.NCCL(solver, uid)
    nccl.bcast()
    found = {
        "mask": rng.host().bernoulli((1000,), 0.5),
        "unseeded mask": unseeded,
        "weights": test_net.params["ip"][0].data.copy(),
        "stamp moved": solver.net.params["ip"][0].stamp != stamp,
        "heard": caffe.exchange("é" * rank),
    }
    solver.add_callback(nccl)
    solver.step(1)
    return {**found, "frozen is blank": frozen.gradient_is_blank}


def test_ranks_begin_with_the_roots_weights_and_draw_masks_of_their_own(tmp_path):
    options = {"random_seed": 7, "test_interval": 1000, "test_iter": 1, "test_initialization": False}
    net = 'weight_filler { type: "gaussian" std: 1 }'
    path = solver_file(tmp_path, options, ((1, 1), (0, 0)))
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text(prototxt.read_text().replace("num_output: 2", f"num_output: 2 {net}"))
    uid = caffe.NCCL.new_uid()
    root, *others = together(hear, [(path, rank, uid) for rank in range(3)])
    take_part(0, 1)
    own = caffe.get_solver(path).net.params["ip"][0].data
    for rank in (root, *others):
        np.testing.assert_array_equal(rank["weights"], own)
        assert rank["heard"] == ["", "é", "éé"]
        assert rank["stamp moved"] and rank["frozen is blank"]
    for masks in zip(*((rank["mask"], rank["unseeded mask"]) for rank in (root, *others)), strict=True):
        assert all((one != other).mean() > 0.4 for one, other in zip(masks, masks[1:] + masks[:1], strict=True))


def leave(rank: int, uid: bytes, path: str) -> str:
    """Rank 1 ends once both are in the group; what rank 0 hears of it."""
    take_part(rank, 2)
    solver = caffe.get_solver(path)
    solver.add_callback(caffe.NCCL(solver, uid))
    joined = Path(path).with_name("joined")
    if rank == 1:
        while not joined.exists():
            time.sleep(0.01)
        return ""
    joined.touch()
    began = time.monotonic()
    with pytest.raises(ConnectionError) as lost:
        solver.step(1)
    assert time.monotonic() - began < 30
    return str(lost.value)


def test_a_rank_that_ends_is_told_of_at_once(tmp_path):
    uid = caffe.NCCL.new_uid()
    path = solver_file(tmp_path, {})
    told, _ = together(leave, [(rank, uid, path) for rank in range(2)])
    assert told.startswith("rank 1 ended, or did not answer, when gradients were awaited: ")


def join_two(uid: bytes, other: bytes, path: str) -> str:
    solver = caffe.get_solver(path)
    caffe.NCCL(solver, uid)
    caffe.NCCL(solver, uid)
    with pytest.raises(caffe.CaffeError) as refused:
        caffe.NCCL(solver, other)
    return str(refused.value)


def test_a_process_is_of_one_group(tmp_path):
    uids = caffe.NCCL.new_uid(), caffe.NCCL.new_uid()
    (told,) = together(join_two, [(*uids, solver_file(tmp_path, {}))])
    assert told.endswith(f"already and cannot join {uids[1].decode()}")


def test_a_group_has_a_name_of_its_own_and_within_torchrun_that_which_it_was_given(monkeypatch):
    assert caffe.has_nccl()
    assert caffe.NCCL.new_uid() != caffe.NCCL.new_uid()
    assert Path(caffe.NCCL.new_uid().decode().removeprefix("file://")).parent.is_dir()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a run of torchrun's")
    assert caffe.NCCL.new_uid() == b"env://"


def test_who_is_alone_hears_himself():
    assert caffe.exchange("word") == ["word"]
