"""The command fcn-repro: every program of tools/, run in the working directory.

    fcn-repro infer voc-fcn8s street.jpg    the same as, in a clone, python -m tools.infer voc-fcn8s street.jpg
    fcn-repro                               list the programs

Data, weights and results lie under the working directory, as in a clone. Where a message names
python -m tools.NAME, use fcn-repro NAME; make and its targets need a clone.
"""

from __future__ import annotations

import runpy
import sys

from fcn_repro.paths import find_root

PROGRAMS = {
    # use
    "infer": "label images of any size with a trained net",
    "heatmap": "show where a classifier sees a class",
    "export": "export a trained net as ONNX or PyTorch",
    "submit": "label and pack PASCAL VOC's test images for its evaluation server",
    # train and evaluate
    "fetch": "download archives and weights, and verify them",
    "prepare": "prepare a data set for training and scoring",
    "emit": "write the prototxts of experiments",
    "convolutionalise": "make a classifier fully convolutional",
    "import_weights": "make caffemodels from weights in other programs' formats",
    "solve": "train one experiment, or resume it",
    "score": "score weights on an experiment's validation split",
    "experiments": "list every run, its recipe, cost and state",
    "smoke": "train at full width on four images, to check an installation",
    "real_voc": "print the results of the nets trained on real images from a package's weights",
    # own data
    "user_dataset": "register a folder of images and label maps as a data set",
    "validate_data": "check every image and label map of a data set",
    "hha": "encode depth images as HHA",
    # results
    "compare": "print all scores beside the paper's tables",
    "report": "write one HTML page of all results",
    "plot": "plot learning curves",
    "mini": "print and draw the results of the mini experiment",
    "study": "print the results of the papers' side experiments",
    "seeds": "train the mini experiment with several random seeds",
    "sweep": "find a learning rate",
    "compare_labels": "count the equal labels of two folders of label maps",
    # nets and costs
    "draw": "draw a net",
    "inspect": "write a page of a net, or of two: drawing, prototxt and facts of each layer",
    "explain": "explain a net's sizes, strides and offsets",
    "profile": "measure a net's arithmetic, memory and time",
    "bench": "measure the engine beside other libraries",
    # Caffe
    "caffe": "Caffe's command line: train, test, time, device_query",
    "caffe_root": "write a folder laid out as a built Caffe, for old shell scripts",
    "convert_imageset": "write an LMDB of labelled images",
    "compute_image_mean": "compute the mean image of an LMDB",
    "extract_features": "write an LMDB of a net's feature maps",
    "dialect": "write a net of a fork of Caffe in Caffe's words",
    "upgrade_net_proto_text": "upgrade a net's prototxt of an old Caffe",
    "upgrade_net_proto_binary": "upgrade a caffemodel of an old Caffe",
    "upgrade_solver_proto_text": "upgrade a solver file of an old Caffe",
    "draw_net": "draw a net with graphviz, as pycaffe",
    "classify": "classify images, as pycaffe's classify.py",
    "detect": "classify windows of images, as pycaffe's detect.py",
    "summarize": "print a table of a net's layers",
    "parse_log": "write the tables of a training log",
    "plot_training_log": "plot training logs",
    "pycaffe": "run a pycaffe script on this engine",
    "real_caffe": "find or install a Python with real Caffe",
}
RENAMED = ("agree", "adopt", "check")  # old names, for one release: tools/aliases.py


def main() -> int:
    """Run the program that the first argument names with the other arguments; return 2 if there is no such program."""
    if len(sys.argv) < 2 or sys.argv[1] not in (*PROGRAMS, *RENAMED):
        known = "\n".join(f"    {name:<26}{line}" for name, line in PROGRAMS.items())
        error = f"\nno program {sys.argv[1]!r}\n" if sys.argv[1:] and sys.argv[1] not in ("-h", "--help") else ""
        (sys.stderr if error else sys.stdout).write(f"{(__doc__ or '').strip()}\n\n{known}\n{error}")
        return 2 if error else 0
    name = sys.argv.pop(1)
    sys.argv[0] = f"fcn-repro {name}"  # the name in --help
    sys.path.insert(0, str(find_root()))
    runpy.run_module(f"tools.{name}", run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
