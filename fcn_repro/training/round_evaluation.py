"""Score the weights of a run at the end of a round."""

from __future__ import annotations

import logging

from fcn_repro import engine, ranks
from fcn_repro.datasets.data_layer import find_data_layer
from fcn_repro.engine import caffe
from fcn_repro.evaluation.evaluate import score_net
from fcn_repro.evaluation.score_report import build_report, write_report
from fcn_repro.model import surgery
from fcn_repro.model.loss_heads import read_heads
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.divergence import check_predictions
from fcn_repro.training.prediction_sheet import draw_examples
from fcn_repro.training.recipe import Recipe
from fcn_repro.training.run_records import RunRecords

logger = logging.getLogger(__name__)


class RoundEvaluation:
    """Scores a solver's weights, and writes the score beside their snapshot and into the run's records.

    `iter_size` counts the passes of all ranks together.
    """

    def __init__(self, folder: RunFolder, recipe: Recipe, shortened: bool, device: str, iter_size: int) -> None:
        self._folder, self._recipe = folder, recipe
        self._shortened, self._device, self._iter_size = shortened, device, iter_size
        self._heads = read_heads(folder.val)

    def run(self, solver: caffe.SGDSolver, records: RunRecords | None) -> None:
        """Score on all ranks; the root, which has `records`, writes."""
        net = solver.test_nets[0]
        net.share_with(solver.net)
        surgery.interp(net, [name for name in surgery.find_upsampling_layers(net) if name not in solver.net.params])
        scores = score_net(net, self._heads)
        if records is None:
            return
        score = next(iter(scores.values()))
        with ranks.act_as_single_rank():
            sheet = draw_examples(net, self._heads[0])
        records.add_score(solver.iter, score, sheet)
        layer = find_data_layer(net)
        facts = {
            "experiment": self._folder.experiment,
            "iteration": solver.iter,
            "trained": solver.iter,
            "recipe": self._recipe.iterations,
            "shortened": self._shortened,
            "split": layer.options["split"],
            "images": len(layer.items),
            "engine": engine.title,
            "device": self._device,
            "ranks": ranks.count(),
            "iter_size": self._iter_size,
        }
        # The report comes last: once it exists, a resumed run does not score these weights again.
        write_report(self._folder.snapshot(solver.iter).score, build_report(facts, scores, self._recipe.class_names))
        warning = check_predictions(score)
        if warning:
            logger.warning("%s: %s", self._folder.experiment, warning)
