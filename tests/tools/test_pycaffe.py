import contextlib
import io
import logging
import os
import re
import runpy
import sys

import numpy as np
import pytest
from PIL import Image

from fcn_repro import shim
from tests.fixtures.pycaffe_scripts import CLASSES, OURS, SIZES, STEPS, Interpreter, copy_fcn_scripts
from tools import pycaffe

LOOKS_AROUND = """
import os
import sys
import caffe
import caffe.draw
import caffe.io
import caffe.proto.caffe_pb2 as pb2
import __main__
from caffe import layers as L, params as P
from caffe.coord_map import crop
from caffe.proto import caffe_pb2
from caffe.pycaffe import Net
import neighbour

assert __name__ == "__main__" and __main__.__file__ == __file__ == os.path.abspath(sys.argv[0])
assert sys.argv[1:] == ["--option", "value"]
assert sys.path[0] == os.path.dirname(os.path.abspath(__file__)) != os.getcwd()
assert Net is caffe.Net and neighbour.caffe is caffe
assert pb2 is caffe_pb2 is caffe.proto.caffe_pb2
assert isinstance(L.ReLU().to_proto(), pb2.NetParameter) and P.Pooling.AVE == 1
caffe.log("logged")
print("printed")
sys.exit(7)
"""


def test_a_script_finds_what_python_would_show_it(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "neighbour.py").write_text("import caffe")
    (tmp_path / "scripts" / "looks_around.py").write_text(LOOKS_AROUND)
    loud = Interpreter(OURS.command, {**OURS.environment, "GLOG_minloglevel": "0"})
    done = loud.run(tmp_path, os.path.join("scripts", "looks_around.py"), "--option", "value")
    assert (done.returncode, done.stdout) == (7, "printed\n")
    assert re.fullmatch(r"I\d{4} .* looks_around.py:\d+\] logged\n", done.stderr)


@contextlib.contextmanager
def like_a_process_of_its_own(folder):
    """Goes into a folder, and undoes what a script there leaves behind in this process."""
    argv, path, modules, here = list(sys.argv), list(sys.path), set(sys.modules), os.getcwd()
    log = logging.getLogger("caffe")
    level, propagate, handlers = log.level, log.propagate, list(log.handlers)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        sys.argv[:], sys.path[:] = argv, path
        log.setLevel(level)
        log.propagate, log.handlers[:] = propagate, handlers
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if name.split(".")[0] == "caffe" or file.startswith(str(folder)):
                del sys.modules[name]


def run(folder, script, *arguments):
    """Run a script in a folder, in this process and as Python runs it; returns what it printed."""
    with like_a_process_of_its_own(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        shim.install()
        sys.argv[:], sys.path[0] = [script, *arguments], os.path.dirname(os.path.abspath(script))
        runpy.run_path(script, run_name="__main__")
    return printed.getvalue()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "got no arguments, expected a script"),
        (("missing.py",), "there is no script 'missing.py' in "),
        (("-m",), "-m: got nothing, expected a module"),
        (("-x", "a.py"), "got -x, expected a script, -m MODULE or -c CODE"),
        (("a.ipynb",), "a.ipynb is a notebook; expected a Python file. Fix: open it in Jupyter and run"),
    ],
)
def test_refuses_what_python_would_not_run(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ipynb").touch()
    with pytest.raises(SystemExit) as ended:
        pycaffe.parse(arguments)
    assert ended.value.code == 2 and message in capsys.readouterr().err


def test_what_a_script_raises_comes_through(tmp_path):
    (tmp_path / "fails.py").write_text("import caffe\ncaffe.Net('missing.prototxt', caffe.TEST)")
    done = OURS.run(tmp_path, "fails.py")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "CaffeError: Could not open file missing.prototxt: No such file or directory"
    )


HIDING = """
import sys
{insert}
from tools import SimpleTransformer
import caffe, nets
from caffe.io import load_image
print(SimpleTransformer, nets.__name__, caffe.__name__, sys.argv[1:])
"""


@pytest.mark.parametrize("place", ["", "lib"])
@pytest.mark.parametrize("form", ["script", "module", "code"])
def test_a_scripts_modules_win_over_this_projects_and_over_another_caffe(tmp_path, place, form):
    """Scripts append their folders, and insert the folder of an old pycaffe that does not load here."""
    (tmp_path / "old/caffe").mkdir(parents=True)
    (tmp_path / "old/caffe/__init__.py").write_text("raise ImportError('of another Python')")
    (tmp_path / place / "nets").mkdir(parents=True)
    (tmp_path / place / "nets/__init__.py").touch()
    (tmp_path / place / "tools.py").write_text("SimpleTransformer = 'own'")
    code = HIDING.format(insert=f"sys.path.append({place!r})\nsys.path.insert(0, 'old')")
    (tmp_path / "run.py").write_text(code)
    arguments = {"script": ["run.py"], "module": ["-m", "run"], "code": ["-c", code]}[form]
    program = Interpreter((sys.executable, "-m", "fcn_repro", "pycaffe"), OURS.environment)
    assert program.check(tmp_path, *arguments, "-x", "y") == "own nets fcn_repro.caffe ['-x', 'y']\n"


CHILDREN = """
import multiprocessing, subprocess, sys
sys.path.insert(0, "old")
import caffe

def work(queue):
    import caffe.io
    queue.put(caffe.io.caffe_pb2.__name__)

if __name__ == "__main__":
    for method in ("spawn", "fork", "forkserver"):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        process = context.Process(target=work, args=(queue,))
        process.start()
        process.join(60)
        print(process.exitcode, queue.get(timeout=2))
    for form in (["-c", "import sys; sys.path.insert(0, 'old'); import caffe; print(caffe.TEST)"], ["-m", "child"]):
        print(subprocess.run([sys.executable, *form], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
"""


def test_children_of_a_script_have_caffe_too(tmp_path):
    (tmp_path / "old/caffe").mkdir(parents=True)
    (tmp_path / "old/caffe/__init__.py").write_text("raise ImportError('of another Python')")
    (tmp_path / "child.py").write_text("import caffe.draw\nprint(caffe.TRAIN)")
    (tmp_path / "parent.py").write_text(CHILDREN)
    assert OURS.check(tmp_path, "parent.py").splitlines() == ["0 fcn_repro.caffe.proto.caffe_pb2"] * 3 + ["1", "0"]


@pytest.fixture(scope="module")
def fcn(tmp_path_factory):
    """The folder in which the scripts of a user of the reference ran, and what they printed."""
    folder = tmp_path_factory.mktemp("fcn") / "run"
    copy_fcn_scripts(folder)
    return folder, "".join(run(folder, *step) for step in STEPS)


def test_the_references_way_of_working_runs_unchanged(fcn):
    folder, printed = fcn
    assert "coercing fc4 0 from (32, 144) to (32, 16, 3, 3)" in printed
    assert "dropping fc5" in printed
    losses = [float(line.split()[-1]) for line in printed.splitlines() if " loss " in line]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert sorted(os.listdir(folder / "snapshot")) == [
        f"train_iter_{n}.{kind}" for n in (4, 8) for kind in ("caffemodel", "solverstate")
    ]


def test_inference_labels_every_pixel(fcn):
    folder, _ = fcn
    height, width = SIZES["c"]
    label = np.asarray(Image.open(folder / "output.png"))
    assert label.shape == (height, width)
    assert np.load(folder / "score.npy").shape == (CLASSES, height, width)
    assert label.max() < CLASSES


TRAINS = """
import sys
from multiprocessing import Process

import caffe


def solve(uid, rank):
    caffe.set_solver_count(2)
    caffe.set_solver_rank(rank)
    caffe.set_multiprocess(True)
    solver = caffe.SGDSolver("solver.prototxt")
    nccl = caffe.NCCL(solver, uid)
    nccl.bcast()
    solver.add_callback(nccl)
    if solver.param.layer_wise_reduce:
        solver.net.after_backward(nccl)
    solver.step(solver.param.max_iter)
    with open("rank%d" % rank, "w") as file:
        file.write(repr(solver.net.params["ip"][0].data.tolist()))


if __name__ == "__main__":
    uid = caffe.NCCL.new_uid()
    processes = [Process(target=solve, args=(uid, rank)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(max(process.exitcode for process in processes))
"""
TRAINED = """
layer { name: "in" type: "DummyData" top: "data" top: "target" dummy_data_param {
  shape { dim: 4 dim: 3 } shape { dim: 4 dim: 2 } data_filler { type: "gaussian" } data_filler { type: "gaussian" } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param {
  num_output: 2 weight_filler { type: "gaussian" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "target" top: "loss" }
"""


def test_a_script_may_train_in_a_process_per_rank_as_caffes_train_py_does(tmp_path):
    (tmp_path / "train.py").write_text(TRAINS)
    (tmp_path / "net.prototxt").write_text(TRAINED)
    (tmp_path / "solver.prototxt").write_text('net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 5')
    done = OURS.run(tmp_path, "train.py")
    assert done.returncode == 0, done.stderr
    first, second = ((tmp_path / f"rank{rank}").read_text() for rank in range(2))
    assert first == second  # though each rank drew other data
