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
from fcn_repro.training import checkpoint, trainer
from fcn_repro.training.divergence import Diverged
from fcn_repro.training.train_log import COLUMNS, read
from fcn_repro.training.trainer import Recipe, Training
from tests.fixtures.tiny_run import write_run, write_voc

RECIPE = Recipe(rounds=2, steps=8)
LASTING = [column for column in COLUMNS if column not in ("seconds", "images_per_s", "shortened")]
EXACT_DROPOUT = hasattr(caffe, "random_state")


def at_iteration(monkeypatch, iteration, act):
    """Do something in the middle of a run, right after the step that ends at `iteration`."""
    losses = Training._losses

    def hooked(self):
        if self.solver.iter == iteration:
            act(self)
        return losses(self)

    monkeypatch.setattr(Training, "_losses", hooked)


def weights(folder):
    net = caffe.Net(str(folder.val), caffe.TEST, weights=str(folder.snapshot(16).weights))
    return {(name, i): blobs[i].data.copy() for name, blobs in net.params.items() for i in range(len(blobs))}


def assert_same_run(one, other):
    """Weights, learning curve and scores agree to the bit."""
    expected, found = weights(one), weights(other)
    for key in expected:
        assert np.array_equal(expected[key], found[key]), key
    curves = [[[row[column] for column in LASTING] for row in read(folder.log)] for folder in (one, other)]
    assert curves[0] == curves[1]
    assert headline(read_report(one.score)) == headline(read_report(other.score))


@pytest.fixture
def voc(tmp_path):
    return write_voc(tmp_path)


@pytest.fixture
def uninterrupted(tmp_path, voc):
    folder = write_run(tmp_path, "uninterrupted", voc, dropout=EXACT_DROPOUT)
    trainer.solve(folder, RECIPE)
    return folder


@pytest.fixture
def folder(tmp_path, voc):
    return write_run(tmp_path, "tiny", voc, dropout=EXACT_DROPOUT)


# --- a run from start to end


def test_a_run_leaves_weights_score_and_learning_curve(tmp_path):
    folder = write_run(tmp_path)
    trainer.solve(folder, Recipe(2, 30, {}, [[f"class {i}" for i in range(21)]]), device="cpu")
    report = read_report(folder.score)
    assert (report["experiment"], report["split"], report["images"], report["device"]) == ("tiny", "val", 4, "cpu")
    assert (report["trained"], report["recipe"], report["shortened"]) == (60, 60, False)
    assert report["weights"]["file"] == str(folder.final)
    assert headline(report)["mean_iu"] > 0.9
    assert headline(report)["classes"][15]["name"] == "class 15"
    curve = read(folder.log)
    assert [row["iteration"] for row in curve] == ["20", "30", "40", "60"]
    assert [bool(row["mean_iu"]) for row in curve] == [False, True, False, True]
    assert float(curve[-1]["loss_per_pixel"]) < float(curve[0]["loss_per_pixel"]) / 3


def test_final_weights_are_those_of_the_best_round(tmp_path):
    folder = write_run(tmp_path)
    trainer.solve(folder, RECIPE)
    report = read_report(folder.score)
    by_round = {it: headline(read_report(folder.snapshot(it).score))["mean_iu"] for it in (8, 16)}
    assert by_round[report["iteration"]] == max(by_round.values())
    assert folder.final.read_bytes() == folder.snapshot(report["iteration"]).weights.read_bytes()


def test_only_the_newest_snapshots_and_the_best_are_kept(tmp_path, monkeypatch):
    folder = write_run(tmp_path, snapshot=2)
    monkeypatch.setattr(trainer, "headline", lambda report: {"mean_iu": -report["iteration"]})  # the first is the best
    trainer.solve(folder, Recipe(rounds=3, steps=4))
    assert [it.iteration for it in folder.snapshots() if it.weights.exists()] == [4, 10, 12]
    assert [it.iteration for it in folder.snapshots() if it.score.exists()] == [4, 8, 12]


def test_a_finished_run_is_left_alone(uninterrupted, monkeypatch):
    monkeypatch.setattr(trainer, "Training", None)
    trainer.solve(uninterrupted, RECIPE)


def test_a_finished_run_whose_first_weights_were_made_anew_is_warned_of(folder, tmp_path, caplog):
    init = pretrained(tmp_path)
    recipe = replace(RECIPE, init={"": init})
    trainer.solve(folder, recipe)
    trainer.solve(folder, recipe)
    assert "trained from other weights" not in caplog.text
    init.write_bytes(init.read_bytes()[::-1])
    trainer.solve(folder, recipe)
    assert f"trained from other weights than {init} is now" in caplog.text


def test_a_shortened_run_says_so_and_can_be_trained_to_its_full_length_later(folder, uninterrupted):
    trainer.solve(folder, RECIPE, iterations=5)
    assert read_report(folder.score)["shortened"] is True
    assert read(folder.log)[-1]["shortened"] == "yes"
    trainer.solve(folder, RECIPE)
    assert read_report(folder.score)["shortened"] is False
    expected, found = weights(uninterrupted), weights(folder)
    assert all(np.array_equal(expected[key], found[key]) for key in expected)


def test_accumulated_gradients_count_all_their_images(tmp_path):
    folder = write_run(tmp_path, iter_size=3)
    trainer.solve(folder, Recipe(1, 4))
    (row,) = read(folder.log)
    assert float(row["images_per_s"]) * float(row["seconds"]) == pytest.approx(12, abs=1)


# --- resuming


@pytest.mark.parametrize("iteration", [3, 5, 8, 11])
def test_ctrl_c_finishes_the_step_and_the_resumed_run_equals_an_uninterrupted_one(
    folder, uninterrupted, monkeypatch, iteration
):
    with monkeypatch.context() as patch:
        at_iteration(patch, iteration, lambda _: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(JobInterrupted, match=f"stopped after iteration {iteration} of 16.*same command goes on"):
            trainer.solve(folder, RECIPE)
    assert checkpoint.newest(folder).iteration == iteration
    trainer.solve(folder, RECIPE)
    assert_same_run(uninterrupted, folder)


def test_ctrl_c_while_scoring_loses_nothing(folder, uninterrupted, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "seg_tests", interrupted)
        with pytest.raises(JobInterrupted, match="stopped after iteration 8"):
            trainer.solve(folder, RECIPE)
    trainer.solve(folder, RECIPE)
    assert_same_run(uninterrupted, folder)


KILLED = """
import os, signal, sys
from pathlib import Path
from fcn_repro import engine, resume, solve
from fcn_repro.folder import RunFolder

seal = resume.seal
def killed(snapshot, *state):
    if snapshot.iteration == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    seal(snapshot, *state)
resume.seal = killed
solve.solve(RunFolder("tiny", Path(sys.argv[1])), solve.Recipe(2, 8))
"""


def test_a_kill_in_the_middle_of_a_snapshot_leaves_the_earlier_ones_to_resume_from(folder, uninterrupted):
    child = subprocess.run([sys.executable, "-c", KILLED, str(folder.build)], stderr=subprocess.DEVNULL, check=False)
    assert child.returncode == -signal.SIGKILL
    assert folder.snapshot(10).weights.exists()
    assert not checkpoint.is_complete(folder.snapshot(10))
    assert checkpoint.newest(folder).iteration == 8
    trainer.solve(folder, RECIPE)
    assert_same_run(uninterrupted, folder)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["weights", "history", "resume"])
@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_snapshot_is_passed_over_and_written_anew(folder, uninterrupted, file, damage, caplog):
    trainer.solve(folder, RECIPE, iterations=10)
    damage(getattr(folder.snapshot(10), file))
    caplog.set_level(logging.INFO)
    trainer.solve(folder, RECIPE)
    assert "passed over" in caplog.text and "goes on after iteration 8" in caplog.text
    assert_same_run(uninterrupted, folder)


def test_a_score_of_damaged_weights_is_taken_again(folder, uninterrupted):
    trainer.solve(folder, RECIPE)
    for path in (folder.snapshot(16).weights, folder.snapshot(15).weights):
        flip(path)
    folder.score.unlink()
    trainer.solve(folder, RECIPE)
    assert_same_run(uninterrupted, folder)


def test_the_best_weights_are_not_handed_on_damaged(tmp_path, caplog):
    folder = write_run(tmp_path)
    trainer.solve(folder, RECIPE)
    best = read_report(folder.score)["iteration"]
    flip(folder.snapshot(best).weights)
    folder.score.unlink()
    training = Training(folder, RECIPE, 16, "cpu")
    training.finish()
    assert f"{folder.snapshot(best).weights} is damaged" in caplog.text
    assert read_report(folder.score)["iteration"] != best


def test_a_stop_between_the_score_and_its_report_leaves_one_scored_row(folder, uninterrupted, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "write_report", stop)
        with pytest.raises(JobInterrupted):
            trainer.solve(folder, RECIPE)
    trainer.solve(folder, RECIPE)
    assert_same_run(uninterrupted, folder)


def test_two_runs_do_not_train_in_one_folder(folder):
    with hold_lock(folder.lock):
        with pytest.raises(LockHeld, match=f"another run is training there .process {os.getpid()}"):
            trainer.solve(folder, RECIPE)
    trainer.solve(folder, RECIPE, iterations=1)


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_computed(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(trainer, "Training", None)
    with pytest.raises(OSError, match="cannot be written.*tiny'"):
        trainer.solve(folder, RECIPE)


def test_a_full_disk_stops_the_run_which_goes_on_once_there_is_room(folder, uninterrupted, monkeypatch):
    def full(descriptor):
        if ".solverstate" in os.readlink(f"/proc/self/fd/{descriptor}") and folder.snapshot(5).resume.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    sync = os.fsync
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="(?s)No space left .*iter_8.solverstate'.*goes on after iteration 5"):
            trainer.solve(folder, RECIPE)
    trainer.solve(folder, RECIPE)
    assert_same_run(uninterrupted, folder)
    assert not list(folder.path.rglob("*.part"))


def test_a_second_ctrl_c_ends_at_once_and_says_where_it_goes_on(folder, uninterrupted, monkeypatch):
    def twice(_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        at_iteration(patch, 7, twice)
        with pytest.raises(JobInterrupted, match="after iteration 7 of 16; the same command goes on after iteration 5"):
            trainer.solve(folder, RECIPE)
    trainer.solve(folder, RECIPE)
    assert_same_run(uninterrupted, folder)


def test_snapshots_of_another_net_are_refused_with_advice(folder):
    trainer.solve(folder, RECIPE, iterations=5)
    folder.train.write_text(folder.train.read_text().replace("num_output: 6", "num_output: 7"))
    with pytest.raises(DataError, match="(?s)train_iter_5.solverstate.*not of this net.*Move that folder away"):
        trainer.solve(folder, RECIPE)


def test_a_run_beyond_the_end_of_its_falling_rate_is_refused(folder):
    falling = 'lr_policy: "poly" power: 1'
    text = folder.solver.read_text().replace('lr_policy: "fixed"', falling).replace("max_iter: 1000", "max_iter: 16")
    folder.solver.write_text(text)
    with pytest.raises(ValueError, match="(?s)17 iterations were asked for, and by lr_policy poly.*max_iter 16"):
        trainer.solve(folder, RECIPE, iterations=17)
    trainer.solve(folder, RECIPE)
    assert read_report(folder.score)["trained"] == 16


def test_an_engine_without_a_random_state_is_warned_of(folder, monkeypatch, caplog):
    for name in ("random_state", "set_random_state"):
        monkeypatch.delattr(caffe, name, raising=False)
    trainer.solve(folder, RECIPE, iterations=5)
    trainer.solve(folder, RECIPE)
    assert "dropout masks from here on differ" in caplog.text


# --- first weights


def pretrained(tmp_path, **rename):
    """A caffemodel with a layer conv1, or what it is renamed to, of the tiny net's shape unless told otherwise."""
    name, outputs = rename.get("name", "conv1"), rename.get("outputs", 6)
    (tmp_path / "pretrained.prototxt").write_text(f"""
    layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: [1, 3, 9, 9] }} }} }}
    layer {{ name: "{name}" type: "Convolution" bottom: "data" top: "conv1" convolution_param {{
      num_output: {outputs} kernel_size: 3 weight_filler {{ type: "gaussian" std: 0.02 }} }} }}""")
    net = caffe.Net(str(tmp_path / "pretrained.prototxt"), caffe.TEST)
    net.save(str(tmp_path / "pretrained.caffemodel"))
    return tmp_path / "pretrained.caffemodel"


def zero_trunk(folder):
    """Take the filler away, so that only given weights can make conv1 work."""
    folder.train.write_text(folder.train.read_text().replace('type: "gaussian" std: 0.02', 'type: "constant"'))


def started(folder, init):
    training = Training(folder, replace(RECIPE, init={"": init}), 16, "cpu")
    training.start()
    return training.solver.net


def test_a_run_starts_from_the_weights_it_is_given_and_interpolates(folder, tmp_path):
    init = pretrained(tmp_path)
    given = caffe.Net(str(tmp_path / "pretrained.prototxt"), caffe.TEST, weights=str(init))
    net = started(folder, init)
    assert np.array_equal(net.params["conv1"][0].data, given.params["conv1"][0].data)
    assert net.params["upscore"][0].data.sum() == pytest.approx(21 * 4)


def test_missing_weights_are_named_with_the_target_that_makes_them(folder, tmp_path):
    with pytest.raises(DataError, match="vgg16-fcn.caffemodel: missing; .* make vgg16-fcn"):
        started(folder, tmp_path / "build/vgg16-fcn.caffemodel")
    with pytest.raises(DataError, match="final.caffemodel: missing; .* make voc-fcn32s"):
        started(folder, tmp_path / "build/voc-fcn32s/final.caffemodel")


def test_weights_that_leave_the_trunk_at_zero_are_refused(folder, tmp_path):
    zero_trunk(folder)
    with pytest.raises(DataError, match=r"pretrained\.caffemodel: no weights for conv1,"):
        started(folder, pretrained(tmp_path, name="conv1_1"))


@pytest.mark.skipif(engine.name == "bvlc", reason="real Caffe ends the process over such weights")
def test_weights_of_another_shape_are_refused_with_advice(folder, tmp_path):
    with pytest.raises(DataError, match="(?s)pretrained.caffemodel: .*conv1.*convolutionalise"):
        started(folder, pretrained(tmp_path, outputs=7))


# --- trouble


def test_a_rate_that_is_far_too_high_ends_training_and_seals_nothing(tmp_path):
    folder = write_run(tmp_path, base_lr=1e30)
    with pytest.raises(Diverged, match="summed over pixels"):
        trainer.solve(folder, RECIPE)
    assert checkpoint.newest(folder) is None


def test_a_run_that_was_never_emitted_is_told_how_to_be(tmp_path):
    folder = write_run(tmp_path)
    folder.solver.unlink()
    with pytest.raises(DataError, match=r"solver\.prototxt: missing; .*tools\.emit tiny"):
        trainer.solve(folder, RECIPE)


def test_a_solver_that_snapshots_elsewhere_is_refused(tmp_path):
    folder = write_run(tmp_path)
    folder.solver.write_text(folder.solver.read_text().replace("snapshot/train", "elsewhere/train"))
    with pytest.raises(ValueError, match="snapshot_prefix .*elsewhere"):
        trainer.solve(folder, RECIPE)


def test_predicting_background_everywhere_is_named(tmp_path, caplog):
    folder = write_run(tmp_path, base_lr=1e-12)
    trainer.solve(folder, Recipe(1, 1))
    assert "every pixel was predicted to be of class 0" in caplog.text
