"""Solvers in several processes. Each process runs a function of this file or of tests/fixtures/parallel_training.py."""

import time
from pathlib import Path

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.random import rng
from tests.fixtures.least_squares import solver_file
from tests.fixtures.parallel_training import set_rank, train
from tests.fixtures.small_net import write
from tests.fixtures.together import together

SHARED = """
layer { name: "in" type: "DummyData" top: "data" top: "target"
        dummy_data_param { shape { dim: 4 dim: 3 } shape { dim: 4 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 }
        param { name: "w" } param { name: "b" } }
layer { name: "again" type: "InnerProduct" bottom: "ip" top: "again" inner_product_param { num_output: 3 }
        param { name: "w" } param { name: "b" } }
layer { name: "loss" type: "EuclideanLoss" bottom: "again" bottom: "target" top: "loss" }
"""
CASES = {
    "SGD": {"momentum": 0.9, "weight_decay": 0.01},
    "L1 decay": {"momentum": 0.9, "weight_decay": 0.01, "regularization_type": "L1"},
    "Adam": {"type": "Adam", "momentum": 0.9, "momentum2": 0.999, "base_lr": 0.01},
    "AdaGrad": {"type": "AdaGrad", "base_lr": 0.01},
    "shared": {},
}


@pytest.fixture(autouse=True)
def single_rank_again():
    yield
    set_rank(0, 1)


def write_solver(folder: Path, name: str, iter_size: int) -> str:
    folder.mkdir()
    if name != "shared":
        return solver_file(folder, {**CASES[name], "iter_size": iter_size})
    options = f'net: "{write(folder, SHARED)}" base_lr: 0.001 lr_policy: "fixed" momentum: 0.9 iter_size: {iter_size}'
    return write(folder, options, "solver.prototxt")


def train_all(paths: list[str], rank: int, ranks: int, uid: bytes) -> list:
    return [train(path, rank, ranks, uid, layer_wise) for path in paths for layer_wise in (False, True)]


def test_two_ranks_train_like_one_process_with_twice_the_iter_size(tmp_path):
    single, shared = [], []
    for passes in 1, 3:
        for name in CASES:
            single.append(write_solver(tmp_path / f"{name} {passes} single", name, 2 * passes))
            shared.append(write_solver(tmp_path / f"{name} {passes} shared", name, passes))
    expected = [train(path) for path in single for _ in range(2)]
    uid = caffe.NCCL.new_uid()
    for found in together(train_all, [(shared, rank, 2, uid) for rank in range(2)]):
        for one, other in zip(expected, found, strict=True):
            for blob, same in zip(one, other, strict=True):
                np.testing.assert_allclose(same, blob, rtol=1e-6, atol=1e-6 * np.abs(blob).max())


def report_rank(path: str, rank: int, uid: bytes) -> dict:
    """Return masks, weights, messages and flags of one of three ranks."""
    unseeded = rng.host().bernoulli((1000,), 0.5)
    set_rank(rank, 3)
    solver = caffe.get_solver(path)
    frozen = solver.net.params["ip"][1]
    version, test_net = solver.net.params["ip"][0].version, solver.test_nets[0]
    test_net.share_with(solver.net)
    nccl = caffe.NCCL(solver, uid)
    nccl.bcast()
    found = {
        "mask": rng.host().bernoulli((1000,), 0.5),
        "unseeded mask": unseeded,
        "weights": test_net.params["ip"][0].data.copy(),
        "version changed": solver.net.params["ip"][0].version != version,
        "messages": caffe.all_gather("é" * rank),
    }
    solver.add_callback(nccl)
    solver.step(1)
    return {**found, "frozen is blank": frozen.gradient_is_blank}


def test_ranks_start_with_the_roots_weights_and_draw_different_masks(tmp_path):
    options = {"random_seed": 7, "test_interval": 1000, "test_iter": 1, "test_initialization": False}
    path = solver_file(tmp_path, options, ((1, 1), (0, 0)))
    net = tmp_path / "net.prototxt"
    filler = 'weight_filler { type: "gaussian" std: 1 }'
    net.write_text(net.read_text().replace("num_output: 2", f"num_output: 2 {filler}"))
    uid = caffe.NCCL.new_uid()
    ranks = together(report_rank, [(path, rank, uid) for rank in range(3)])
    expected = caffe.get_solver(path).net.params["ip"][0].data
    for rank in ranks:
        np.testing.assert_array_equal(rank["weights"], expected)
        assert rank["messages"] == ["", "é", "éé"]
        assert rank["version changed"] and rank["frozen is blank"]
    for masks in zip(*((rank["mask"], rank["unseeded mask"]) for rank in ranks), strict=True):
        assert all((one != other).mean() > 0.4 for one, other in zip(masks, masks[1:] + masks[:1], strict=True))


def lose_rank_one(rank: int, uid: bytes, path: str) -> str:
    """End rank 1 once both are in the group; return rank 0's error."""
    set_rank(rank, 2)
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


def test_a_lost_rank_is_reported_at_once(tmp_path):
    uid = caffe.NCCL.new_uid()
    path = solver_file(tmp_path, {})
    error, _ = together(lose_rank_one, [(rank, uid, path) for rank in range(2)])
    assert error.startswith("rank 1 ended, or did not answer, when this rank waited for gradients: ")


def join_two(uid: bytes, other: bytes, path: str) -> str:
    solver = caffe.get_solver(path)
    caffe.NCCL(solver, uid)
    caffe.NCCL(solver, uid)
    with pytest.raises(caffe.CaffeError) as refused:
        caffe.NCCL(solver, other)
    return str(refused.value)


def test_a_process_joins_one_group_only(tmp_path):
    uids = caffe.NCCL.new_uid(), caffe.NCCL.new_uid()
    (error,) = together(join_two, [(*uids, solver_file(tmp_path, {}))])
    assert error.endswith(f" and cannot join {uids[1].decode()}")


def test_every_group_has_a_new_name_but_torchruns_is_given(monkeypatch):
    assert caffe.has_nccl()
    assert caffe.NCCL.new_uid() != caffe.NCCL.new_uid()
    assert Path(caffe.NCCL.new_uid().decode().removeprefix("file://")).parent.is_dir()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a run of torchrun's")
    assert caffe.NCCL.new_uid() == b"env://"


def test_a_single_rank_receives_its_own_message():
    assert caffe.all_gather("word") == ["word"]
