"""Runs of several ranks, each a process that does a function of this file."""

import argparse
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fcn_repro import datasets, engine, ranks
from fcn_repro.datasets.data_layer import find_data_layer
from fcn_repro.datasets.sampling_order import SamplingOrder
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model import surgery
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.file_lock import LockHeld, hold_lock
from fcn_repro.system.signals import JobInterrupted
from fcn_repro.training import data_parallel, trainer
from fcn_repro.training.recipe import Recipe
from fcn_repro.training.train_log import read
from solvers.experiments import EXPERIMENTS
from tests.fixtures.ranked_run import RECIPE, torchrun
from tests.fixtures.tiny_run import act_at_iteration, write_run, write_voc
from tests.fixtures.together import together
from tools import score


def rank_of(folder: RunFolder, recipe: Recipe = RECIPE, stop_at: int = 0, stopped: int = 1) -> str:
    """Join a run; the rank `stopped` gets SIGTERM at the end of iteration `stop_at`. Return how the run ended."""
    ranks.join()

    def stop() -> None:
        if caffe.solver_rank() == stopped:
            os.kill(os.getpid(), signal.SIGTERM)

    with act_at_iteration(stop_at, stop):
        try:
            trainer.solve(folder, recipe)
        except (JobInterrupted, LockHeld, OSError, DataError) as error:
            return f"{type(error).__name__}: {error}"
    return "done"


def run(folder: RunFolder, count: int = 2, **options) -> list[str]:
    return together(rank_of, [(folder, *options.values())] * count, as_torchrun=True)


def weights(folder: RunFolder, iteration: int) -> dict[str, np.ndarray]:
    net = caffe.Net(str(folder.val), caffe.TEST, weights=str(folder.snapshot(iteration).weights))
    return {f"{name} {i}": blob.data.copy() for name, blobs in net.params.items() for i, blob in enumerate(blobs)}


def assert_same_training(one: RunFolder, other: RunFolder, iteration: int = 8) -> None:
    """To float rounding: 1e-6 of the largest number of a parameter."""
    expected, found = weights(one, iteration), weights(other, iteration)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-6 * np.abs(values).max(), err_msg=name)
    curves = [[(row["iteration"], row["loss"], row["loss_per_pixel"]) for row in read(f.log)] for f in (one, other)]
    np.testing.assert_allclose(*(np.array(curve, float) for curve in curves), rtol=1e-5)


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
    return write_voc(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def alone_with_two_passes(tmp_path_factory, voc):
    folder = write_run(tmp_path_factory.mktemp("alone"), "tiny", voc, dropout=False, iter_size=2)
    trainer.solve(folder, RECIPE)
    return folder


# --- training


@pytest.mark.parametrize("iter_size", [2, 1])
def test_two_ranks_train_as_one_process_does_with_two_passes(tmp_path, voc, alone_with_two_passes, iter_size):
    folder = write_run(tmp_path, "tiny", voc, dropout=False, iter_size=iter_size)
    assert run(folder) == ["done", "done"]
    assert_same_training(alone_with_two_passes, folder)
    reports = [read_report(each.score) for each in (alone_with_two_passes, folder)]
    assert [(report["ranks"], report["iter_size"]) for report in reports] == [(1, 2), (2, 2)]
    written = [sorted(str(path.relative_to(each.path)) for path in each.path.rglob("*"))
               for each in (alone_with_two_passes, folder)]  # fmt: skip
    assert written[0] == written[1]
    assert folder.examples.read_bytes() == alone_with_two_passes.examples.read_bytes()


def test_clipping_bounds_the_same_sum_on_two_ranks(tmp_path, voc):
    folders = [write_run(tmp_path, name, voc, dropout=False, iter_size=2) for name in ("alone", "shared")]
    for folder in folders:
        folder.solver.write_text(folder.solver.read_text() + "clip_gradients: 500")  # some of the sums are larger
    trainer.solve(folders[0], RECIPE)
    assert run(folders[1]) == ["done", "done"]
    assert_same_training(*folders)


def test_ranks_stop_together_and_go_on_to_the_bit(tmp_path, voc):
    folders = [write_run(tmp_path, name, voc, dropout=True, iter_size=2) for name in ("whole", "stopped")]
    assert run(folders[0]) == ["done", "done"]
    ended = run(folders[1], recipe=RECIPE, stop_at=3)
    assert all(text.startswith("JobInterrupted: stopped stopped after iteration 3 of 8") for text in ended), ended
    assert run(folders[1]) == ["done", "done"]
    for one, other in zip(*(weights(folder, 8).values() for folder in folders), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_number_of_ranks_goes_on_with_the_same_images(tmp_path, voc, alone_with_two_passes):
    folder = write_run(tmp_path, "tiny", voc, dropout=False, iter_size=2)
    run(folder, recipe=RECIPE, stop_at=3)
    trainer.solve(folder, RECIPE)
    assert_same_training(alone_with_two_passes, folder)


def test_another_number_of_ranks_is_refused_where_updates_would_be_of_other_images(tmp_path, voc):
    folder = write_run(tmp_path, "tiny", voc)
    run(folder, recipe=RECIPE, stop_at=3)
    with pytest.raises(DataError, match=r"got 1 rank\(s\) with updates of 1 passes, expected 2 passes.* RANKS=2"):
        trainer.solve(folder, RECIPE)


def test_a_folder_is_trained_in_by_one_run(tmp_path, voc):
    folder = write_run(tmp_path, "tiny", voc)
    with hold_lock(folder.lock):
        root, other = run(folder)
    assert root.startswith("LockHeld: ") and "another run is training there" in root
    assert other.startswith("ConnectionError: rank 0 ended, or did not answer, when ")


def served(folder: RunFolder) -> tuple[list[int], dict]:
    """The images that this rank serves, and the root's place before."""
    ranks.join()
    datasets.register()
    folder.snapshot_prefix.parent.mkdir(exist_ok=True)
    solver = caffe.get_solver(str(folder.solver))
    data_parallel.synchronise(solver)
    layer = find_data_layer(solver.net)
    position = layer.position()
    numbers = []
    for _ in range(8):
        numbers.append(layer.index)
        solver.net.forward()
    return numbers, position


def test_ranks_take_turns_in_the_roots_order_even_if_nothing_seeds_it(tmp_path, voc):
    folder = write_run(tmp_path, "tiny", voc)
    folder.train.write_text(folder.train.read_text().replace("'seed': 1337", "'seed': None"))
    (first, position), (second, same) = together(served, [(folder,)] * 2, as_torchrun=True)
    assert position == same
    order = SamplingOrder(4, True, None)
    order.seek(position)
    assert [number for pair in zip(first, second, strict=True) for number in pair] == [order.step() for _ in range(16)]


# --- scoring


def write_trained(root: Path, voc: Path) -> RunFolder:
    folder = write_run(root, "tiny", voc, dropout=False)
    datasets.register()
    net = caffe.Net(str(folder.val), caffe.TEST)
    random = np.random.default_rng(0)
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = random.normal(size=blob.data.shape)
    surgery.save(net, folder.final)
    return folder


def scored(root: Path) -> None:
    os.chdir(root)
    score.EXPERIMENTS = {"tiny": replace(EXPERIMENTS["voc-fcn8s"], name="tiny")}
    score.main(argparse.Namespace(experiment="tiny", weights=None, images=None, pictures=True, gpu=-1))


@pytest.mark.parametrize("count", [2, 3])  # of four images
def test_ranks_score_to_the_same_histogram_as_one_process(tmp_path, voc, count):
    reports, label_maps = [], []
    for work in "alone", "shared":
        folder = write_trained(tmp_path / work, voc)
        together(scored, [(tmp_path / work,)] * (1 if work == "alone" else count), as_torchrun=True)
        reports.append(read_report(folder.score))
        label_maps.append({path.name: np.asarray(Image.open(path)) for path in folder.images.rglob("*.png")})
    losses = [headline(report).pop("loss") for report in reports]
    assert losses[1] == pytest.approx(losses[0], rel=1e-12)
    assert reports[0] == reports[1]
    assert len(np.flatnonzero(np.sum(headline(reports[0])["histogram"], 0))) > 2  # so that it says something
    assert label_maps[0].keys() == label_maps[1].keys() and len(label_maps[0]) == 4
    assert all(np.array_equal(label_map, label_maps[1][name]) for name, label_map in label_maps[0].items())


def test_a_lone_process_is_a_root_that_hears_itself():
    assert (ranks.count(), ranks.is_root(), ranks.log_prefix()) == (1, True, "")
    assert ranks.all_gather([np.pi]) == [[np.pi]] and ranks.broadcast_from_root(lambda: "said") == "said"


def test_apart_from_the_others_a_rank_is_served_every_image(tmp_path, voc):
    folder = write_run(tmp_path, "tiny", voc, dropout=False)
    datasets.register()
    ranks._set_rank(1, 2)
    try:
        with ranks.act_as_single_rank():
            layer = find_data_layer(caffe.Net(str(folder.val), caffe.TEST))
            assert (layer.index, ranks.count(), ranks.is_root()) == (0, 1, True)
        assert (ranks.count(), ranks.is_root(), ranks.log_prefix()) == (2, False, "rank 1: ")
    finally:
        ranks._set_rank(0, 1)


def test_real_caffe_is_refused_where_ranks_were_started(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "a run of torchrun's", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(engine, "name", "bvlc")
    with pytest.raises(ValueError, match="2 ranks: got ENGINE=bvlc"):
        ranks.join()


# --- torchrun itself


def test_a_rank_that_is_killed_ends_the_run_which_then_goes_on(tmp_path, voc, alone_with_two_passes):
    folder = write_run(tmp_path, "tiny", voc, dropout=False, iter_size=2)
    began = time.monotonic()
    ended = torchrun(folder)
    assert ended.returncode != 0 and time.monotonic() - began < 120
    assert "rank 0: rank 1 ended, or did not answer, when " in ended.stderr
    assert f"the same command resumes after iteration 5, from {folder.snapshot(5).weights}" in ended.stderr
    assert "Signal 9 (SIGKILL)" in ended.stderr  # torchrun says of which rank
    assert not folder.score.exists()
    assert run(folder) == ["done", "done"]
    assert_same_training(alone_with_two_passes, folder)
