import errno
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fcn_repro import engine
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.system.file_lock import LockHeld, hold_lock
from fcn_repro.system.signals import JobInterrupted
from fcn_repro.training import checkpoint_files, round_evaluation, trainer
from fcn_repro.training.divergence import Diverged
from fcn_repro.training.recipe import Recipe
from fcn_repro.training.train_log import COLUMNS, read
from fcn_repro.training.trainer import Trainer, solve
from tests.fixtures.tiny_run import act_at_iteration, write_run, write_voc

RECIPE = Recipe(rounds=2, steps=8)
LASTING = [column for column in COLUMNS if column not in ("seconds", "images_per_s", "shortened")]
EXACT_DROPOUT = hasattr(caffe, "random_state")


def weights(folder):
    net = caffe.Net(str(folder.val), caffe.TEST, weights=str(folder.snapshot(16).weights))
    return {(name, i): blobs[i].data.copy() for name, blobs in net.params.items() for i in range(len(blobs))}


def assert_same_weights(one, other):
    expected, found = weights(one), weights(other)
    for key in expected:
        assert np.array_equal(expected[key], found[key]), key


def assert_same_run(one, other):
    """Weights, log and scores agree to the bit."""
    assert_same_weights(one, other)
    logs = [[[row[column] for column in LASTING] for row in read(folder.log)] for folder in (one, other)]
    assert logs[0] == logs[1]
    assert headline(read_report(one.score)) == headline(read_report(other.score))


def assert_resumes(folder, uninterrupted):
    solve(folder, RECIPE)
    assert_same_run(uninterrupted, folder)


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
    return write_voc(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, voc):
    folder = write_run(tmp_path_factory.mktemp("uninterrupted"), "uninterrupted", voc, dropout=EXACT_DROPOUT)
    solve(folder, RECIPE)
    return folder


@pytest.fixture
def folder(tmp_path, voc):
    return write_run(tmp_path, "tiny", voc, dropout=EXACT_DROPOUT)


# --- a run from start to end


def test_a_run_writes_weights_score_and_log(tmp_path):
    folder = write_run(tmp_path)
    solve(folder, Recipe(2, 30, {}, [[f"class {i}" for i in range(21)]]), device="cpu")
    report = read_report(folder.score)
    assert (report["experiment"], report["split"], report["images"], report["device"]) == ("tiny", "val", 4, "cpu")
    assert (report["trained"], report["recipe"], report["shortened"]) == (60, 60, False)
    assert report["weights"]["file"] == str(folder.final)
    assert headline(report)["mean_iu"] > 0.9
    assert headline(report)["classes"][15]["name"] == "class 15"
    log = read(folder.log)
    assert [row["iteration"] for row in log] == ["20", "30", "40", "60"]
    assert [bool(row["mean_iu"]) for row in log] == [False, True, False, True]
    assert float(log[-1]["loss_per_pixel"]) < float(log[0]["loss_per_pixel"]) / 3


def test_final_weights_are_those_of_the_best_round_and_damaged_ones_are_not_exported(tmp_path, caplog):
    folder = write_run(tmp_path)
    solve(folder, RECIPE)
    best = read_report(folder.score)["iteration"]
    by_round = {it: headline(read_report(folder.snapshot(it).score))["mean_iu"] for it in (8, 16)}
    assert by_round[best] == max(by_round.values())
    assert folder.final.read_bytes() == folder.snapshot(best).weights.read_bytes()
    flip(folder.snapshot(best).weights)
    folder.score.unlink()
    Trainer(folder, RECIPE, 16).finish()
    assert f"{folder.snapshot(best).weights}: checksum mismatch" in caplog.text
    assert read_report(folder.score)["iteration"] != best


def test_only_the_newest_snapshots_and_the_best_are_kept(tmp_path, monkeypatch):
    folder = write_run(tmp_path, snapshot=2)
    monkeypatch.setattr(checkpoint_files, "headline", lambda report: {"mean_iu": -report["iteration"]})  # the first
    solve(folder, Recipe(rounds=3, steps=4))
    assert [it.iteration for it in folder.snapshots() if it.weights.exists()] == [4, 10, 12]
    assert [it.iteration for it in folder.snapshots() if it.score.exists()] == [4, 8, 12]


def test_a_finished_run_is_not_trained_again_and_changed_initial_weights_are_reported(
    folder, tmp_path, caplog, monkeypatch
):
    init = pretrained(tmp_path)
    recipe = replace(RECIPE, init={"": init})
    solve(folder, recipe)
    monkeypatch.setattr(trainer, "Trainer", None)
    solve(folder, recipe)
    assert "trained from other weights" not in caplog.text
    init.write_bytes(init.read_bytes()[::-1])
    solve(folder, recipe)
    assert f"trained from other weights than {init} is now" in caplog.text


def test_a_shortened_run_is_marked_and_can_be_trained_to_its_full_length_later(folder, uninterrupted):
    solve(folder, RECIPE, iterations=5)
    assert read_report(folder.score)["shortened"] is True
    assert read(folder.log)[-1]["shortened"] == "yes"
    solve(folder, RECIPE)
    assert read_report(folder.score)["shortened"] is False
    assert_same_weights(uninterrupted, folder)


def test_accumulated_gradients_count_all_their_images(tmp_path):
    folder = write_run(tmp_path, iter_size=3)
    solve(folder, Recipe(1, 4))
    (row,) = read(folder.log)
    assert float(row["images_per_s"]) * float(row["seconds"]) == pytest.approx(12, abs=1)


# --- resuming


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def raise_interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("iteration", [3, 5, 8, 11])
def test_ctrl_c_finishes_the_step_and_the_resumed_run_equals_an_uninterrupted_one(folder, uninterrupted, iteration):
    with act_at_iteration(iteration, interrupt):
        with pytest.raises(JobInterrupted, match=f"stopped after iteration {iteration} of 16.*same command resumes"):
            solve(folder, RECIPE)
    assert checkpoint_files.find_newest(folder).iteration == iteration
    assert_resumes(folder, uninterrupted)


@pytest.mark.parametrize("function", ["score_net", "write_report"])
def test_ctrl_c_while_scoring_or_before_the_report_loses_nothing(folder, uninterrupted, monkeypatch, function):
    with monkeypatch.context() as patch:
        patch.setattr(round_evaluation, function, raise_interrupt)
        with pytest.raises(JobInterrupted, match="stopped after iteration 8"):
            solve(folder, RECIPE)
    assert_resumes(folder, uninterrupted)


KILLED = """
import os, signal, sys
from pathlib import Path
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training import checkpoint, trainer

finish = checkpoint.finish_checkpoint
def killed(snapshot, *state):
    if snapshot.iteration == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    finish(snapshot, *state)
checkpoint.finish_checkpoint = killed
trainer.solve(RunFolder("tiny", Path(sys.argv[1])), trainer.Recipe(2, 8))
"""


def test_a_kill_in_the_middle_of_a_snapshot_leaves_the_earlier_ones_to_resume_from(folder, uninterrupted):
    child = subprocess.run([sys.executable, "-c", KILLED, str(folder.build)], stderr=subprocess.DEVNULL, check=False)
    assert child.returncode == -signal.SIGKILL
    assert folder.snapshot(10).weights.exists()
    assert not checkpoint_files.is_complete(folder.snapshot(10))
    assert checkpoint_files.find_newest(folder).iteration == 8
    assert_resumes(folder, uninterrupted)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["weights", "history", "resume"])
@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_snapshot_is_skipped_and_written_again(folder, uninterrupted, file, damage, caplog):
    solve(folder, RECIPE, iterations=10)
    damage(getattr(folder.snapshot(10), file))
    caplog.set_level(logging.INFO)
    solve(folder, RECIPE)
    assert "skipping this snapshot" in caplog.text and "resumes after iteration 8" in caplog.text
    assert_same_run(uninterrupted, folder)


def test_damaged_weights_are_trained_and_scored_again(folder, uninterrupted):
    solve(folder, RECIPE)
    for path in (folder.snapshot(16).weights, folder.snapshot(15).weights):
        flip(path)
    folder.score.unlink()
    assert_resumes(folder, uninterrupted)


def test_two_runs_do_not_train_in_one_folder(folder):
    with hold_lock(folder.lock):
        with pytest.raises(LockHeld, match=f"another run is training there .process {os.getpid()}"):
            solve(folder, RECIPE)
    solve(folder, RECIPE, iterations=1)


def test_a_full_disk_stops_the_run_which_resumes_once_there_is_space(folder, uninterrupted, monkeypatch):
    def full(descriptor):
        if ".solverstate" in os.readlink(f"/proc/self/fd/{descriptor}") and folder.snapshot(5).resume.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    sync = os.fsync
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="(?s)No space left .*iter_8.solverstate'.*resumes after iteration 5"):
            solve(folder, RECIPE)
    assert_resumes(folder, uninterrupted)
    assert not list(folder.path.rglob("*.part"))


def test_a_second_ctrl_c_stops_at_once_and_reports_where_the_run_resumes(folder, uninterrupted):
    with act_at_iteration(7, lambda: (interrupt(), interrupt())):
        with pytest.raises(JobInterrupted, match="after iteration 7 of 16; the same command resumes after iteration 5"):
            solve(folder, RECIPE)
    assert_resumes(folder, uninterrupted)


def test_snapshots_of_another_net_are_refused_with_advice(folder):
    solve(folder, RECIPE, iterations=5)
    folder.train.write_text(folder.train.read_text().replace("num_output: 6", "num_output: 7"))
    with pytest.raises(DataError, match="(?s)train_iter_5.solverstate.*not belong to this net.*move that folder away"):
        solve(folder, RECIPE)


def test_an_engine_without_a_random_state_is_warned_about(folder, monkeypatch, caplog):
    for name in ("random_state", "set_random_state"):
        monkeypatch.delattr(caffe, name, raising=False)
    solve(folder, RECIPE, iterations=5)
    solve(folder, RECIPE)
    assert "dropout masks differ" in caplog.text


# --- initial weights


def pretrained(tmp_path, name="conv1", outputs=6):
    """A caffemodel with one layer, by default of the tiny net's first layer's name and shape."""
    (tmp_path / "pretrained.prototxt").write_text(f"""
    layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: [1, 3, 9, 9] }} }} }}
    layer {{ name: "{name}" type: "Convolution" bottom: "data" top: "conv1" convolution_param {{
      num_output: {outputs} kernel_size: 3 weight_filler {{ type: "gaussian" std: 0.02 }} }} }}""")
    net = caffe.Net(str(tmp_path / "pretrained.prototxt"), caffe.TEST)
    net.save(str(tmp_path / "pretrained.caffemodel"))
    return tmp_path / "pretrained.caffemodel"


def started(folder, init):
    training = Trainer(folder, replace(RECIPE, init={"": init}), 16)
    training.start()
    return training.solver.net


def test_a_run_starts_from_its_initial_weights_and_interpolates(folder, tmp_path):
    init = pretrained(tmp_path)
    given = caffe.Net(str(tmp_path / "pretrained.prototxt"), caffe.TEST, weights=str(init))
    net = started(folder, init)
    assert np.array_equal(net.params["conv1"][0].data, given.params["conv1"][0].data)
    assert net.params["upscore"][0].data.sum() == pytest.approx(21 * 4)


@pytest.mark.parametrize("file, target", [("vgg16-fcn.caffemodel",) * 2, ("voc-fcn32s/final.caffemodel", "voc-fcn32s")])
def test_missing_weights_are_named_with_the_target_that_makes_them(folder, tmp_path, file, target):
    with pytest.raises(DataError, match=f"{file}: missing.* make {target.removesuffix('.caffemodel')}"):
        started(folder, tmp_path / "build" / file)


def test_weights_of_other_names_or_shapes_are_refused(folder, tmp_path):
    if engine.name != "bvlc":  # which aborts the process
        with pytest.raises(DataError, match="(?s)pretrained.caffemodel: .*conv1.*convolutionalise"):
            started(folder, pretrained(tmp_path, outputs=7))
    folder.train.write_text(folder.train.read_text().replace('type: "gaussian" std: 0.02', 'type: "constant"'))
    with pytest.raises(DataError, match=r"pretrained\.caffemodel: .*conv1"):  # the trunk would stay at zero
        started(folder, pretrained(tmp_path, name="conv1_1"))


# --- errors


def test_a_run_beyond_the_end_of_its_falling_rate_is_refused(folder):
    falling = 'lr_policy: "poly" power: 1'
    text = folder.solver.read_text().replace('lr_policy: "fixed"', falling).replace("max_iter: 1000", "max_iter: 16")
    folder.solver.write_text(text)
    with pytest.raises(ValueError, match="got 17 iterations, expected at most 16 .*lr_policy"):
        solve(folder, RECIPE, iterations=17)
    solve(folder, RECIPE)
    assert read_report(folder.score)["trained"] == 16


def test_a_rate_that_is_far_too_high_stops_training_and_leaves_no_snapshot(tmp_path):
    folder = write_run(tmp_path, base_lr=1e30)
    with pytest.raises(Diverged, match="summed over pixels"):
        solve(folder, RECIPE)
    assert checkpoint_files.find_newest(folder) is None


def test_missing_solvers_other_prefixes_and_read_only_folders_are_refused_at_once(folder, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(OSError, match="not writable.*tiny'"):
        patch.setattr(trainer, "Trainer", None)
        patch.setattr(os, "access", lambda path, mode: False)
        solve(folder, RECIPE)
    folder.solver.write_text(folder.solver.read_text().replace("snapshot/train", "elsewhere/train"))
    with pytest.raises(ValueError, match="snapshot_prefix: .*elsewhere"):
        solve(folder, RECIPE)
    folder.solver.unlink()
    with pytest.raises(DataError, match=r"solver\.prototxt: missing.*tools\.emit tiny"):
        solve(folder, RECIPE)
