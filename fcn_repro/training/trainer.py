"""Train one experiment: initial weights, then rounds of steps, each followed by a snapshot and a score.

The run folder holds the whole state. An interrupted run resumes bit-exactly from its newest complete snapshot; a
finished run stays as it is. Several ranks (`fcn_repro.ranks`) execute this side by side.

Source   reference 1305c73, solve.py of every directory
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
from dataclasses import asdict
from typing import Callable

from fcn_repro import datasets, engine, ranks
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.initial_weights import initialise
from fcn_repro.model.loss_heads import read_heads
from fcn_repro.model.run_folder import RunFolder, Snapshot
from fcn_repro.system.atomic_write import remove_leftovers
from fcn_repro.system.file_lock import hold_lock
from fcn_repro.system.progress import Progress
from fcn_repro.system.signals import JobInterrupted, StopRequest, signal_number
from fcn_repro.training import checkpoint, checkpoint_files, data_parallel, final_weights
from fcn_repro.training.divergence import LossMonitor
from fcn_repro.training.loss_scale import convert_rate
from fcn_repro.training.recipe import Recipe
from fcn_repro.training.round_evaluation import RoundEvaluation
from fcn_repro.training.run_records import RunRecords
from fcn_repro.training.train_log import LogWindow

WINDOW = 20  # iterations per row of log.csv, as the reference's `display`

logger = logging.getLogger(__name__)


def solve(
    folder: RunFolder, recipe: Recipe, iterations: int | None = None, device: str = "cpu", tensorboard: bool = False
) -> None:
    """Train an experiment, or resume it, and write `final`, `score` and `log` in its folder.

    Parameters
        iterations   train for this many, not the recipe's; all results are then marked as shortened
        device       the result of `fcn_repro.device.choose`, for the report
        tensorboard  also write event files
    Raises   DataError if weights or data are missing; ValueError if the prototxts do not fit;
             Diverged if the loss explodes; JobInterrupted after Ctrl-C and other signals; LockHeld if another process
             trains in the folder; OSError if the folder cannot be written (full or read-only disk), or another rank
             ends
    """
    length = recipe.iterations if iterations is None else iterations
    if ranks.broadcast_from_root(lambda: final_weights.is_trained(folder, length)):
        logger.info("%s is already trained; remove %s to train it from scratch", folder.experiment, folder.path)
        if ranks.is_root():
            final_weights.warn_if_init_changed(folder, recipe.init)
        return
    _check_folder(folder)
    with contextlib.ExitStack() as stack:
        if ranks.is_root():
            stack.enter_context(hold_lock(folder.lock, f"{folder.path}: another run is training there"))
        Trainer(folder, recipe, length, device, tensorboard).run()


class Trainer:
    """Steps the solver of a run to its end, with snapshots and scores on the way.

    `param` is the SolverParameter of all ranks together.
    """

    def __init__(
        self, folder: RunFolder, recipe: Recipe, length: int, device: str = "cpu", tensorboard: bool = False
    ) -> None:
        self.folder, self.recipe, self.length = folder, recipe, length
        self.shortened = length < recipe.iterations
        self.param = data_parallel.read_solver(folder)
        _check_rate(folder, self.param, length)
        datasets.register()
        folder.snapshot_prefix.parent.mkdir(parents=True, exist_ok=True)
        self.solver = data_parallel.make_rank_solver(folder, self.param)
        self.heads = read_heads(folder.train)
        self.monitor = LossMonitor(folder.experiment, self.solver.net, self.heads, self.param)
        self.evaluation = RoundEvaluation(folder, recipe, self.shortened, device, self.param.iter_size)
        self.tensorboard = tensorboard
        self.records: RunRecords | None = None  # the root's, after `start`
        self.window = LogWindow()
        self.synchronise: Callable[[], None] = lambda: None

    @property
    def here(self) -> Snapshot:
        """The snapshot files of the current iteration."""
        return self.folder.snapshot(self.solver.iter)

    @property
    def done(self) -> bool:
        """Whether all iterations are done and the last is scored."""
        return self.solver.iter >= self.length and self.here.score.exists()

    @property
    def images(self) -> int:
        """Images per iteration."""
        return self.param.iter_size * self.solver.net.blobs[self.heads[0].label].shape[0]

    @property
    def round_end(self) -> int:
        """The next iteration to score: the current one if it ends a round that is not scored yet."""
        iteration, steps = self.solver.iter, self.recipe.steps
        unscored_end = iteration > 0 and iteration % steps == 0 and not self.here.score.exists()
        return iteration if unscored_end else min((iteration // steps + 1) * steps, self.length)

    def run(self) -> None:
        """Train and score to the end. Errors report where the same command resumes."""
        self.start()
        try:
            while not ranks.broadcast_from_root(lambda: self.done):
                self.train_round()
                self.evaluation.run(self.solver, self.records)
                self.prune()
            self.finish()
        except KeyboardInterrupt as interrupt:
            raise self._interrupted(signal_number(interrupt)) from interrupt
        except OSError as error:
            raise OSError(f"{error}\nAfter the fix, {self._describe_resume()}") from error
        finally:
            if self.records:
                self.records.flush()

    def start(self) -> None:
        """Resume from the newest complete snapshot, or initialise the net."""
        newest = ranks.broadcast_from_root(self._find_newest)
        if newest is not None:
            state = checkpoint.restore(self.folder.snapshot(newest), self.solver, self.param.iter_size)
            self.window = LogWindow(**state)
            logger.info("%s resumes after iteration %d", self.folder.experiment, self.solver.iter)
        elif ranks.is_root():
            initialise(self.solver.net, self.recipe.init)
        engine.save_memory(self.solver)
        self.synchronise = data_parallel.synchronise(self.solver)
        if ranks.is_root():
            self.records = RunRecords(self.folder, self.solver.iter, self.shortened, self.tensorboard)
        rate = convert_rate(self.heads[0], self.param, self.solver.net.blobs[self.heads[0].label].data.shape)
        if rate:
            logger.info("%s: %s", self.folder.experiment, rate)

    def train_round(self) -> None:
        """Step to the round's end and write a snapshot. After a signal, finish the step, write it there, and raise.

        Raises   JobInterrupted
        """
        end, quiet = ranks.broadcast_from_root(lambda: self.round_end), not ranks.is_root()
        progress = Progress(self.length, self.folder.experiment, done=self.solver.iter, each=self.images, quiet=quiet)
        with StopRequest() as request, progress:
            while self.solver.iter < end and not max(ranks.all_gather(request.requested)):
                self.step(end, progress)
            if ranks.broadcast_from_root(lambda: not checkpoint_files.is_complete(self.here)):
                if ranks.is_root():
                    self.solver.snapshot()
                self.finish_checkpoint()
            requested = max(ranks.all_gather(request.requested))
        if requested:
            raise self._interrupted(requested)

    def step(self, end: int, progress: Progress) -> None:
        """Do one iteration, and write a row of log.csv if it ends a window or the round."""
        start = time.monotonic()
        self.solver.step(1)
        loss, per_pixel = self.monitor.read_iteration(self.solver.iter)
        self.window.add(loss, per_pixel, time.monotonic() - start, self.images)
        if self.solver.iter % WINDOW == 0 or self.solver.iter == end:
            if self.records:
                self.records.add_window(self.solver.iter, self.window)
            self.window = LogWindow()
        if self.param.snapshot and self.solver.iter % self.param.snapshot == 0:
            self.finish_checkpoint()  # after the row: a resumed run does not write it again
        notes = f"loss {loss:.4g}, {per_pixel:.4f} per pixel", self.records.last_mean_iu if self.records else ""
        progress.advance(note=", ".join(filter(None, notes)))

    def finish_checkpoint(self) -> None:
        """Complete the snapshot that the root's solver has just written."""
        self.synchronise()  # a resumed run starts with this
        checkpoint.finish_checkpoint(self.here, self.solver, self.param.iter_size, asdict(self.window))
        self.prune()

    def prune(self) -> None:
        """Remove snapshots that are no longer needed."""
        if ranks.is_root():
            checkpoint_files.prune(self.folder)

    def finish(self) -> None:
        """Export the best scored snapshot as the run's final weights."""
        self.prune()  # a kill may have prevented this after the last snapshot
        if ranks.is_root():
            final_weights.export_best(self.folder, self.here, self.recipe)

    def _find_newest(self) -> int | None:
        """The iteration to resume from; temporary files of a killed process are removed."""
        for path in (self.folder.path, self.folder.snapshot_prefix.parent, self.folder.images):
            remove_leftovers(path)
        snapshot = checkpoint_files.find_newest(self.folder)
        return snapshot.iteration if snapshot else None

    def _interrupted(self, number: int) -> JobInterrupted:
        iteration = f"iteration {self.solver.iter} of {self.length}"
        return JobInterrupted(f"{self.folder.experiment} stopped after {iteration}; {self._describe_resume()}", number)

    def _describe_resume(self) -> str:
        complete = [it for it in self.folder.snapshots() if checkpoint_files.is_complete(it)]
        if not complete:
            return "the same command starts from scratch, for there is no snapshot yet."
        return f"the same command resumes after iteration {complete[-1].iteration}, from {complete[-1].weights}."


def _check_rate(folder: RunFolder, param: caffe.proto.caffe_pb2.SolverParameter, length: int) -> None:
    if param.lr_policy == "poly" and length > param.max_iter:
        raise ValueError(
            f"{folder.solver}: got {length} iterations, expected at most {param.max_iter} (max_iter), where lr_policy "
            "poly reaches a rate of zero. Fix: ask for fewer, or change the row in solvers/experiments.py"
        )


def _check_folder(folder: RunFolder) -> None:
    if not folder.solver.exists():
        raise DataError(f"{folder.solver}: missing. Fix: python -m tools.emit {folder.experiment}")
    if not os.access(folder.path, os.W_OK):
        raise PermissionError(errno.EACCES, "not writable; snapshots need a folder you can write to", str(folder.path))
