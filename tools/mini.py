"""What the mini experiment came to: its table beside the paper's, and a sheet of pictures.

    python -m tools.mini

Reads    build/mini-fcn{32s,16s,8s}/, data/paper/skips-pami.csv, build/data/mini/
Writes   build/mini-fcn8s/pictures/sheet.png: held-out scenes, their label maps, and what each stage makes of them
Exit     0 shown · 2 bad arguments · 3 a stage is not trained yet
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Mapping, Sequence

from fcn_repro.analysis.paper_tables import tables
from fcn_repro.datasets.file_readers import read_list
from fcn_repro.datasets.mini.mini import MINI, VOC
from fcn_repro.datasets.voc import voc_files
from fcn_repro.drawing.image_sheet import save
from fcn_repro.drawing.palette import label_image
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.inference.segmenter import stage_sheet
from fcn_repro.model.run_folder import RunFolder
from tools import program

STAGES = {"mini-fcn32s": "voc-fcn32s", "mini-fcn16s": "voc-fcn16s", "mini-fcn8s": "voc-fcn8s"}  # and what they mirror
TABLE = "skips-pami"
ROWS = 8  # scenes on the sheet


def main(options: argparse.Namespace) -> None:
    folders = [RunFolder(name) for name in STAGES]
    for folder in folders:
        program.weights(folder, None)  # refuses a stage that is not trained yet
    print("\n".join(table([headline(read_report(folder.score)) for folder in folders])))
    print(f"\n{draw(folders)}")


def table(scores: Sequence[Mapping[str, float]]) -> list[str]:
    """The four metrics of every stage in percent, and those of the paper's stages."""
    titles = "".join(f"{name.replace('_', ' '):>16}" for name in METRICS)
    lines = [f"mini: {MINI.splits['val']} held-out scenes of {len(MINI.class_names)} classes", f"{'':14}{titles}"]
    lines += [_line(stage, [f"{100 * score[name]:.1f}" for name in METRICS]) for stage, score in zip(STAGES, scores)]
    paper = next(table for table in tables() if table.table == TABLE)
    cells = {(cell.experiment, cell.metric): cell.value for cell in paper.cells}
    lines += ["", f"Another task, to compare the order of the stages with: PASCAL VOC, {paper.split}, as in the paper"]
    return lines + [_line(stage, [cells[stage, name] for name in METRICS]) for stage in STAGES.values()]


def draw(folders: Sequence[RunFolder]) -> Path:
    """Write the sheet."""
    items = read_list(VOC / "ImageSets" / "Segmentation" / "val.txt")[:ROWS]
    files = [voc_files(VOC, item) for item in items]
    out = folders[-1].pictures / "sheet.png"
    save(out, stage_sheet(folders, files, lambda scene, label_hw: label_image(label_hw)))
    return out


def _line(name: str, cells: Sequence[str]) -> str:
    return f"  {name:12}" + "".join(f"{cell:>16}" for cell in cells)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sys.exit(program.run(main, parser.parse_args()))
