"""`import caffe` by one line: in notebooks, in your own scripts, and in the modules of Python layers."""

import os
import sys
from pathlib import Path

import pytest

from fcn_repro import shim
from tests.fixtures.pycaffe_scripts import ROOT, Interpreter
from tests.fixtures.twofold_net import LAYER, NET

PYTHON = Interpreter((sys.executable,), {"PYTHONPATH": str(ROOT), "GLOG_minloglevel": "2"})
CELLS = [
    "import fcn_repro.as_caffe",
    "import caffe\nnet = caffe.Net('net.prototxt', caffe.TEST)",
    "print(net.forward()['ip'].shape, net.blobs['twice'].data)",
    "net",
    "!{__import__('sys').executable} -c 'import caffe; print(caffe.TEST)'",
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "layer.py").write_text(LAYER)
    (tmp_path / "net.prototxt").write_text(NET)
    return tmp_path


@pytest.mark.filterwarnings("ignore")  # of Jupyter's own packages
def test_a_notebook_has_caffe_after_one_line_and_shows_a_net(folder, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    for name, value in PYTHON.environment.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS])
    done = nbclient.execute(notebook, cwd=str(folder), timeout=120)
    outputs = [cell["outputs"] for cell in done["cells"]]
    assert outputs[2][-1]["text"] == "(5,) [8. 8. 8.]\n"
    shown = outputs[3][0]["data"]
    assert shown["image/svg+xml"].startswith("<svg") and "twofold" in shown["image/svg+xml"]
    assert "<td>ip</td><td>5 x 3, 5</td><td>20</td>" in shown["text/html"] and "<svg" in shown["text/html"]
    assert "".join(output["text"] for output in outputs[4]).strip() == "1"  # a terminal's text comes in pieces


def test_a_layers_module_may_import_caffe_where_none_is_installed(folder):
    code = "import fcn_repro.caffe as caffe; print(caffe.Net('net.prototxt', caffe.TEST).forward()['ip'].shape)"
    assert PYTHON.check(folder, "-c", code) == "(5,)\n"


def test_without_the_line_or_with_real_caffe_chosen_the_name_is_free(folder):
    (folder / "caffe.py").write_text("print('another')")
    imports = "import caffe; print(caffe.__name__)"
    assert (
        PYTHON.check(folder, "-c", f"import fcn_repro, fcn_repro.engine, tools.program; {imports}")
        == "another\ncaffe\n"
    )
    real = Interpreter(PYTHON.command, {**PYTHON.environment, "ENGINE": "bvlc"})
    assert real.check(folder, "-c", f"import fcn_repro.as_caffe; {imports}") == "another\ncaffe\n"
    assert PYTHON.check(folder, "-c", f"import fcn_repro.as_caffe; {imports}") == "fcn_repro.caffe\n"


def test_the_folder_of_the_package_alone_on_the_path_suffices(folder):
    """From a clone that is not installed, and a script that inserts no other caffe."""
    alone = Interpreter((sys.executable, "-S"), {"PYTHONPATH": os.pathsep.join([str(shim.PACKAGE), *site_packages()])})
    code = "import caffe, sys; print(caffe.__name__, any(p == sys.argv[1] for p in sys.path))"
    assert alone.check(folder, "-c", code, str(ROOT)) == "fcn_repro.caffe False\n"


def site_packages():
    return [path for path in sys.path if Path(path).name == "site-packages"]


def test_the_next_sitecustomize_runs_too(folder):
    (folder / "more").mkdir()
    (folder / "more/sitecustomize.py").write_text("print('hidden', __name__)")
    path = os.pathsep.join([str(shim.STARTUP), str(folder / "more")])
    shown = Interpreter(PYTHON.command, {"PYTHONPATH": path}).check(folder, "-c", "import caffe; print(caffe.__name__)")
    assert shown == "hidden sitecustomize\nfcn_repro.caffe\n"
