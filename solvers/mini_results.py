"""The results of the mini experiment: a table beside the paper's, and a figure of label maps."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

from fcn_repro.analysis.paper_tables import read_tables
from fcn_repro.datasets.file_readers import read_list
from fcn_repro.datasets.mini.mini import MINI, VOC
from fcn_repro.datasets.voc import voc_files
from fcn_repro.drawing.image_sheet import save_png
from fcn_repro.drawing.palette import make_label_image
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.inference.segmenter import draw_stage_sheet
from fcn_repro.model.find_weights import find_weights
from fcn_repro.model.run_folder import RunFolder

STAGES = {"mini-fcn32s": "voc-fcn32s", "mini-fcn16s": "voc-fcn16s", "mini-fcn8s": "voc-fcn8s"}  # and the paper's
TABLE = "skips-pami"
ROWS = 8  # scenes in the figure


def read_scores() -> list[dict]:
    """The scores of all stages.

    Raises   DataError if a stage is not trained
    """
    folders = [RunFolder(name) for name in STAGES]
    for folder in folders:
        find_weights(folder)
    return [headline(read_report(folder.score)) for folder in folders]


def tabulate_stages(scores: Sequence[Mapping[str, float]]) -> list[list[str]]:
    """Rows of text: the four metrics of every stage in percent, then those of the paper's stages."""
    rows = [[stage, *(f"{100 * score[name]:.1f}" for name in METRICS)] for stage, score in zip(STAGES, scores)]
    paper = next(table for table in read_tables() if table.table == TABLE)
    cells = {(cell.experiment, cell.metric): cell.value for cell in paper.cells}
    rows.append([f"paper, {paper.split}", *[""] * len(METRICS)])
    return rows + [[stage, *(cells[stage, name] for name in METRICS)] for stage in STAGES.values()]


def describe_task() -> str:
    """A sentence about the two tasks in the table."""
    return (
        f"mini: {MINI.splits['val']} held-out scenes of {len(MINI.class_names)} classes. The paper's task is another "
        "one, PASCAL VOC: compare the order of the stages only"
    )


def draw_stages() -> Path:
    """Draw held-out scenes beside their label maps and the predictions of each stage; return the file."""
    folders = [RunFolder(name) for name in STAGES]
    items = read_list(VOC / "ImageSets" / "Segmentation" / "val.txt")[:ROWS]
    out = folders[-1].images / "sheet.png"
    files = [voc_files(VOC, item) for item in items]
    sheet = draw_stage_sheet(folders, files, lambda _, label_hw: make_label_image(label_hw))
    save_png(out, sheet)
    return out
