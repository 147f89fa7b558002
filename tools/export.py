"""Export a trained net as ONNX, or as a PyTorch module that does not need this project.

    python -m tools.export voc-fcn8s --to onnx     one file, for images of any height and width
    python -m tools.export voc-fcn8s --to torch    voc_fcn8s.py, plain PyTorch, and its weights, a state_dict
    python -m tools.export --prototxt deploy.prototxt --weights net.caffemodel --to onnx    any Caffe net

The exported net runs on random images of three sizes, or three batches if layers fix the size, and the largest
difference from this project's outputs is printed. All layers without an equivalent are named, and nothing is written.
ONNX needs the packages of `pip install '.[onnx]'`. MODEL and --weights are those of tools.infer.

Reads    build/<experiment>/deploy.prototxt and deploy.json, written if missing; final.caffemodel or --weights;
         or --prototxt and --weights alone: then the file carries no mean and no classes
Writes   build/<experiment>/export/, export/ beside --prototxt, or the folder --out
Exit     0 written and compared · 1 no equivalent, or other scores, in that format · 2 bad arguments · 3 weights, or a
         package, missing
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro import device
from fcn_repro.errors import DataError
from fcn_repro.model.exchange.export import ExportModel, list_exports
from fcn_repro.model.find_weights import find_model, find_weights
from fcn_repro.system.memory import format_bytes
from fcn_repro.system.output_paths import check_outputs
from solvers.emit import emit_experiment
from solvers.experiments import EXPERIMENTS
from tools import program

TOLERANCE = 1e-4  # of the largest score; sums in another order stay far below


def main(options: argparse.Namespace) -> None:
    device.choose(-1)
    if options.prototxt:
        name, deploy, weights = options.prototxt.stem, options.prototxt, options.weights
        read, out = [weights, deploy], options.out or deploy.parent / "export"
    else:
        if options.model in EXPERIMENTS:
            emit_experiment(EXPERIMENTS[options.model])
        folder = find_model(options.model)
        name, weights = folder.experiment, find_weights(folder, options.weights, allow_released=True)
        read, out = [weights, folder.deploy, folder.metadata], options.out or folder.path / "export"
    outputs = [(path, weights) for path in list_exports(name, options.to, out)]
    check_outputs(outputs, read, "--out ANOTHER_FOLDER")
    model = ExportModel(name, deploy, weights) if options.prototxt else ExportModel.from_folder(folder, weights)
    out.mkdir(parents=True, exist_ok=True)
    files, run = model.to_onnx(out) if options.to == "onnx" else model.to_torch(out)
    for path in files:
        print(f"{path}: {format_bytes(path.stat().st_size)}")
    try:
        differences = model.compare(run)
    except DataError as error:
        raise DataError(f"written, but not compared: {error}") from error
    for each in differences:
        size = " x ".join(map(str, each.shape))
        print(f"{size}: largest difference {each.worst:.2g}, largest score {each.largest:.3g}")
    if any(not each.worst <= TOLERANCE * each.largest for each in differences):
        raise ValueError(f"the exported net's scores differ; expected at most {TOLERANCE:g} of the largest score")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", nargs="?", help=f"a folder, or one of {', '.join(EXPERIMENTS)}")
    parser.add_argument("--to", choices=("onnx", "torch"), required=True, help="the format")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights instead of the final ones")
    parser.add_argument("--prototxt", type=Path, metavar="FILE", help="a deploy prototxt instead of MODEL")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write")
    given = parser.parse_args()
    if bool(given.model) == bool(given.prototxt):
        parser.error("got both or neither of MODEL and --prototxt; expected one of them")
    if given.prototxt and not given.weights:
        parser.error("--prototxt: got no weights; expected --weights FILE")
    sys.exit(program.run(main, given))
