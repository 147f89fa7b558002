"""Trains one experiment: first weights, then rounds of steps, each followed by a snapshot and a score.

The folder holds the state. A run that was cut short goes on from its newest complete snapshot, and what follows is what
would have followed; a run that is done is left alone. Several ranks (`fcn_repro.ranks`) run this side by side.

Source   reference 1305c73, solve.py of every directory
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np
from PIL import Image

from fcn_repro import datasets, engine, ranks
from fcn_repro.datasets.base import data_layer
from fcn_repro.drawing.image_sheet import save
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.evaluation.evaluate import Score, seg_tests
from fcn_repro.evaluation.score_report import build_report, headline, origin, read_report, sha256, write_report
from fcn_repro.model.initial_weights import initialise
from fcn_repro.model.loss_heads import heads
from fcn_repro.model.run_folder import RunFolder, Snapshot
from fcn_repro.system.atomic_write import atomic_write, remove_leftovers
from fcn_repro.system.file_lock import hold_lock
from fcn_repro.system.progress import Progress
from fcn_repro.system.signals import JobInterrupted, StopRequest, signal_number
from fcn_repro.training import checkpoint, data_parallel, divergence
from fcn_repro.training.loss_scale import conversion
from fcn_repro.training.prediction_sheet import examples
from fcn_repro.training.tensorboard import EventFile
from fcn_repro.training.train_log import LearningCurve, Stretch

STRETCH = 20  # iterations per row of the learning curve, as the reference's `display`

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How long an experiment trains, from what, and what its classes are called."""

    rounds: int
    steps: int  # iterations per round
    init: Mapping[str, Path] = field(default_factory=dict)  # weights to start from, by suffix of layers; else fillers
    class_names: Sequence[Sequence[str]] = ()  # of each head in order

    @property
    def iterations(self) -> int:
        """The whole length."""
        return self.rounds * self.steps


def solve(
    folder: RunFolder, recipe: Recipe, iterations: int | None = None, device: str = "cpu", tensorboard: bool = False
) -> None:
    """Train an experiment, or go on with it, and leave `final`, `score` and `log` in its folder.

    Parameters
        iterations   train for that many instead of the recipe's; what is written is then marked as shortened
        device       what `fcn_repro.device.choose` said, for the record
        tensorboard  whether to write event files, too
    Raises   DataError when weights or data are missing; ValueError when the prototxts do not fit;
             Diverged when the loss explodes; JobInterrupted after Ctrl-C and the like; LockHeld when another process
             trains in the folder; OSError when the folder cannot be written, the disk being full or read-only, and
             when another rank ends
    """
    length = recipe.iterations if iterations is None else iterations
    if ranks.broadcast_from_root(lambda: is_done(folder, length)):
        logger.info("%s is trained already; remove %s to train it anew", folder.experiment, folder.path)
        if ranks.is_root():
            _compare_init(read_report(folder.score), recipe.init)
        return
    _check_place(folder)
    with contextlib.ExitStack() as stack:
        if ranks.is_root():
            stack.enter_context(hold_lock(folder.lock, f"{folder.path}: another run is training there"))
        Training(folder, recipe, length, device).run(tensorboard)


def _check_rate(folder: RunFolder, param: caffe.proto.caffe_pb2.SolverParameter, length: int) -> None:
    if param.lr_policy == "poly" and length > param.max_iter:
        raise ValueError(
            f"{folder.solver}: {length} iterations were asked for, and by lr_policy poly the rate is zero at max_iter "
            f"{param.max_iter} and below it from there on; ask for fewer, or change the row in solvers/experiments.py"
        )


def is_done(folder: RunFolder, iterations: int) -> bool:
    """Whether the folder has final weights that were trained for that long or longer."""
    if not (folder.final.exists() and folder.score.exists()):
        return False
    return (read_report(folder.score)["trained"] or 0) >= iterations


def _compare_init(report: Mapping[str, Any], init: Mapping[str, Path]) -> None:
    """Warn if the weights that a finished run started from have been made anew since."""
    if not isinstance(report["init"], list):
        return  # noted before a net could have several sources
    before = {source["suffix"]: source["sha256"] for source in report["init"]}
    for suffix, weights in init.items():
        if weights.exists() and sha256(weights) != before.get(suffix):
            logger.warning("%s was trained from other weights than %s is now", report["weights"]["file"], weights)


class Training:
    """A solver in its folder, and where the run stands; `param` is what the ranks' solvers do together."""

    def __init__(self, folder: RunFolder, recipe: Recipe, length: int, device: str) -> None:
        self.folder, self.recipe, self.length, self.device = folder, recipe, length, device
        self.param = data_parallel.read(folder)
        _check_rate(folder, self.param, length)
        self.heads, self.scored_heads = heads(folder.train), heads(folder.val)
        datasets.register()
        folder.snapshot_prefix.parent.mkdir(parents=True, exist_ok=True)
        self.solver = data_parallel.shared_solver(folder, self.param)
        net = self.solver.net
        self.watches = [divergence.LossWatch(head, head.classes(net), self.param) for head in self.heads]
        self.output_watches = [divergence.OutputWatch(head, self.param) for head in self.heads]
        self.passes: list[list[tuple[float, float]]] = []  # of this iteration: the losses of each head
        last = len(net.layers) - 1
        net.before_backward(lambda layer: self._note_pass() if layer == last else None)

    @property
    def here(self) -> Snapshot:
        """The files of the present iteration."""
        return self.folder.snapshot(self.solver.iter)

    @property
    def done(self) -> bool:
        """Whether all iterations are made and the last is scored."""
        return self.solver.iter >= self.length and self.here.score.exists()

    @property
    def shortened(self) -> bool:
        """Whether the run is to be shorter than its recipe."""
        return self.length < self.recipe.iterations

    @property
    def images(self) -> int:
        """How many an iteration sees."""
        return self.param.iter_size * self.solver.net.blobs[self.heads[0].label].shape[0]

    @property
    def round_end(self) -> int:
        """The iteration to be scored next; the present one, if it ends a round and a stop came before its score."""
        iteration, steps = self.solver.iter, self.recipe.steps
        unscored_end = iteration > 0 and iteration % steps == 0 and not self.here.score.exists()
        return iteration if unscored_end else min((iteration // steps + 1) * steps, self.length)

    def run(self, tensorboard: bool = False) -> None:
        """Train and score to the end. Whatever stops it, the message says where the same command goes on."""
        self.start(tensorboard)
        try:
            while not ranks.broadcast_from_root(lambda: self.done):
                self.train_round()
                self.score_round()
            if ranks.is_root():
                self.finish()
        except KeyboardInterrupt as interrupt:
            raise self._interrupted(signal_number(interrupt)) from interrupt
        except OSError as error:
            raise OSError(f"{error}\nOnce that is mended, {self._outlook()}") from error
        finally:
            if self.board:
                self.board.flush()

    def start(self, tensorboard: bool = False) -> None:
        """Resume from the newest complete snapshot, or give the net its first weights."""
        self.curve: LearningCurve | None = None  # the root's
        self.board: EventFile | None = None
        self.stretch = Stretch()
        newest = ranks.broadcast_from_root(self._newest)
        if newest is not None:
            self.stretch = Stretch(
                **checkpoint.restore(self.folder.snapshot(newest), self.solver, self.param.iter_size)
            )
            logger.info("%s goes on after iteration %d", self.folder.experiment, self.solver.iter)
        elif ranks.is_root():
            initialise(self.solver.net, self.recipe.init)
        engine.save_memory(self.solver)
        self.align = data_parallel.synchronise(self.solver)
        if ranks.is_root():
            self._open_records(tensorboard)
        label = self.solver.net.blobs[self.heads[0].label]
        rate = conversion(self.heads[0], self.param, label.data.shape)
        if rate:
            logger.info("%s: %s", self.folder.experiment, rate)

    def train_round(self) -> None:
        """Step to the round's end and snapshot. On Ctrl-C finish the step, snapshot there and raise JobInterrupted."""
        end, quiet = ranks.broadcast_from_root(lambda: self.round_end), not ranks.is_root()
        progress = Progress(self.length, self.folder.experiment, done=self.solver.iter, each=self.images, quiet=quiet)
        with StopRequest() as interruption, progress:
            while self.solver.iter < end and not max(ranks.all_gather(interruption.requested)):
                self._step(end, progress)
            if ranks.broadcast_from_root(lambda: not checkpoint.is_complete(self.here)):
                if ranks.is_root():
                    self.solver.snapshot()
                self._seal()
            requested = max(ranks.all_gather(interruption.requested))
        if requested:
            raise self._interrupted(requested)

    def score_round(self) -> None:
        """Score the weights as they are: beside their snapshot, and in the learning curve."""
        net = self.solver.test_nets[0]
        net.share_with(self.solver.net)
        scores = seg_tests(net, self.scored_heads)
        if ranks.is_root():
            self._note_scores(scores)

    def _note_scores(self, scores: Mapping[str, Score]) -> None:
        """Write down what the weights score."""
        net = self.solver.test_nets[0]
        layer = data_layer(net)
        facts = {
            "experiment": self.folder.experiment,
            "iteration": self.solver.iter,
            "trained": self.solver.iter,
            "recipe": self.recipe.iterations,
            "shortened": self.shortened,
            "split": layer.options["split"],
            "images": len(layer.items),
            "engine": engine.title,
            "device": self.device,
            "ranks": ranks.count(),
            "iter_size": self.param.iter_size,
        }
        score = next(iter(scores.values()))
        with ranks.act_as_single_rank():
            sheet = examples(net, self.scored_heads[0])
        self._show(score, sheet)
        # Last: once the report is there, no resumed run scores these weights again.
        write_report(self.here.score, build_report(facts, scores, self.recipe.class_names))
        finding = divergence.lone_prediction(score)
        if finding:
            logger.warning("%s: %s", self.folder.experiment, finding)
        self._prune()

    def finish(self) -> None:
        """Hand on the best of the scored snapshots as `final`, with its score."""
        self._prune()  # a kill may have come between the last snapshot and what it makes superfluous
        best = next(filter(checkpoint.is_sound, self._scored()), self.here)
        with open(best.weights, "rb") as source, atomic_write(self.folder.final, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 24)
        report = read_report(best.score)
        report["trained"] = self.solver.iter
        report["chosen"] = f"the best mean IU on {report['split']} among the rounds' ends"
        report["weights"] = origin(self.folder.final)
        report["init"] = [{"suffix": suffix, **origin(path)} for suffix, path in self.recipe.init.items()]
        write_report(self.folder.score, report)

    def _step(self, end: int, progress: Progress) -> None:
        """Make an iteration; a row of the curve ends with it if a stretch, or the round, does."""
        began = time.monotonic()
        self.solver.step(1)
        loss, per_pixel = self._losses()
        self.stretch.note(loss, per_pixel, time.monotonic() - began, self.images)
        if self.solver.iter % STRETCH == 0 or self.solver.iter == end:
            if self.curve:
                self.curve.add(self.solver.iter, *self.stretch.row())
            if self.board:
                self.board.add(self.solver.iter, *self.stretch.row())
            self.stretch = Stretch()
        if self.param.snapshot and self.solver.iter % self.param.snapshot == 0:
            self._seal()  # after the row: a resumed run does not write it again
        said = f"loss {loss:.4g}, {per_pixel:.4f} per pixel", self.curve.last_mean_iu if self.curve else ""
        progress.advance(note=", ".join(filter(None, said)))

    def _losses(self) -> tuple[float, float]:
        """The mean loss over the iteration's passes in all ranks, and the first head's per pixel.

        What the watches find is logged.
        """
        net = self.solver.net
        losses, per_pixel = np.mean([each for passes in ranks.all_gather(self.passes) for each in passes], axis=0).T
        self.passes.clear()
        findings = [watch.observe(self.solver.iter, float(loss)) for watch, loss in zip(self.watches, per_pixel)]
        findings += [watch.observe(self.solver.iter, net) for watch in self.output_watches]
        for finding in filter(None, findings):
            logger.warning("%s: %s", self.folder.experiment, finding)
        return float(losses.sum()), float(per_pixel[0])

    def _note_pass(self) -> None:
        """Take in the losses of a forward pass, before its backward pass."""
        net = self.solver.net
        self.passes.append([(head.loss_of(net), head.loss_per_pixel(net)) for head in self.heads])

    def _newest(self) -> int | None:
        """The iteration to go on from; what a kill left half written is removed."""
        for place in (self.folder.path, self.folder.snapshot_prefix.parent, self.folder.pictures):
            remove_leftovers(place)
        snapshot = checkpoint.newest(self.folder)
        return snapshot.iteration if snapshot else None

    def _open_records(self, tensorboard: bool) -> None:
        """Begin, or go on, to write down what happens; what was written of later iterations is dropped."""
        self.curve = LearningCurve(self.folder.log, self.solver.iter, self.shortened)
        self.board = EventFile(self.folder.tensorboard, self.solver.iter) if tensorboard else None
        for later in self.folder.snapshots():
            if later.iteration > self.solver.iter and later.score.exists():
                later.score.unlink()  # it will be scored again

    def _show(self, score: Score, sheet: Image.Image | None) -> None:
        """Put a round's score into the learning curve, and pictures where people look for them."""
        if self.curve:
            self.curve.add_score(self.solver.iter, score)
        if sheet and all(score["mean_iu"] > _mean_iu(other) for other in self._scored()):
            save(self.folder.examples, sheet)
        if self.board:
            self.board.add_score(self.solver.iter, score)
            if sheet:
                self.board.add_picture(self.solver.iter, "examples", sheet)

    def _seal(self) -> None:
        """Complete the snapshot that the root's solver has just written; drop those no longer needed."""
        self.align()  # as a resumed run begins
        checkpoint.seal(self.here, self.solver, self.param.iter_size, asdict(self.stretch))
        if ranks.is_root():
            self._prune()

    def _prune(self) -> None:
        checkpoint.prune(self.folder, next(iter(self._scored()), None))

    def _scored(self) -> list[Snapshot]:
        """The complete snapshots that have a score, by falling mean IU, the earliest of equals first."""
        scored = [it for it in self.folder.snapshots() if it.score.exists() and checkpoint.is_complete(it)]
        return sorted(scored, key=_mean_iu, reverse=True)

    def _interrupted(self, number: int) -> JobInterrupted:
        return JobInterrupted(
            f"{self.folder.experiment} stopped after iteration {self.solver.iter} of {self.length}; {self._outlook()}",
            number,
        )

    def _outlook(self) -> str:
        kept = [it for it in self.folder.snapshots() if checkpoint.is_complete(it)]
        if not kept:
            return "the same command begins anew, for there is no snapshot yet."
        return f"the same command goes on after iteration {kept[-1].iteration}, from {kept[-1].weights}."


def _mean_iu(snapshot: Snapshot) -> float:
    return headline(read_report(snapshot.score))["mean_iu"] or 0


def _check_place(folder: RunFolder) -> None:
    if not folder.solver.exists():
        raise DataError(f"{folder.solver}: missing; emit it: python -m tools.emit {folder.experiment}")
    if not os.access(folder.path, os.W_OK):
        expected = "cannot be written; expected a folder of yours, on a disk that is not read-only, for snapshots"
        raise PermissionError(errno.EACCES, expected, str(folder.path))
