"""Old shell scripts call CAFFE_ROOT's programs, whatever Python and folder they run in."""

import os
import subprocess
import sys

import pytest

from fcn_repro.__main__ import PROGRAMS
from fcn_repro.shim.caffe_root import BINARIES, SCRIPTS, write_caffe_root
from tests.fixtures.twofold_net import LAYER, NET

SCRIPT = """
set -e
$CAFFE_ROOT/build/tools/caffe time --model=net.prototxt --iterations 1
caffe device_query
python3 $CAFFE_ROOT/python/draw_net.py net.prototxt net.svg
"""


@pytest.fixture
def root(tmp_path):
    write_caffe_root(tmp_path / "root")
    (tmp_path / "layer.py").write_text(f"from tools import OWN\n{LAYER}")
    (tmp_path / "tools.py").write_text("OWN = 1")
    (tmp_path / "net.prototxt").write_text(NET)
    return tmp_path / "root"


@pytest.mark.skipif(os.name == "nt", reason="POSIX shell scripts")
def test_a_shell_script_runs_the_programs_with_its_own_layers_and_modules(root):
    environment = {"CAFFE_ROOT": str(root), "PATH": f"{root}/build/tools:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", SCRIPT], cwd=root.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "] Average Forward pass: " in done.stderr and "] Querying GPUs " in done.stderr
    assert "twofold" in (root.parent / "net.svg").read_text()


def test_a_script_that_inserts_its_python_folder_has_caffe(root):
    code = (
        f"import sys; sys.path.insert(0, {str(root / 'python')!r}); import caffe; print(caffe.TEST, caffe.io.__name__)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert done.stdout == "1 fcn_repro.caffe.io\n", done.stderr


def test_every_launcher_names_a_program_and_a_folder_in_use_is_refused(root):
    assert {*BINARIES, *SCRIPTS["python"], *SCRIPTS["tools/extra"]} <= PROGRAMS.keys()
    assert all(os.access(root / "build/tools" / f"{name}.bin", os.X_OK) for name in BINARIES)
    with pytest.raises(FileExistsError, match="root: got an existing file or folder, expected a new one"):
        write_caffe_root(root)
