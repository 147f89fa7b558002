"""Everything imports without the modules that Windows lacks, and programs print help without torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)


IMPORT_ALL = """
import contextlib, importlib, io, json, runpy, sys
import filelock, psutil, torch, tqdm  # they choose by platform, and use these modules on this one
for name in json.loads(sys.argv[3]):
    sys.modules[name] = None
found = {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except Exception as error:
        found[name] = repr(error)
for name in json.loads(sys.argv[2]):
    sys.argv[:] = [f"tools.{name}", "--help"]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_module(f"tools.{name}", run_name="__main__")
    except SystemExit as end:
        if end.code:
            found[name] = f"exit status {end.code}"
    except Exception as error:
        found[name] = repr(error)
print(json.dumps(found))
"""


def test_everything_imports_and_every_program_has_help_without_fcntl_and_resource():
    """As on Windows, which lacks these modules."""
    paths = [path for room in ("fcn_repro", "nets", "solvers") for path in ROOT.glob(f"{room}/**/*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    modules = [name.replace(".__init__", "") for name in names if "__main__" not in name]
    programs = [path.stem for path in ROOT.glob("tools/*.py") if '__main__":' in path.read_text()]
    hidden = ["fcntl", "resource"]
    found = run(IMPORT_ALL, *map(json.dumps, (modules, programs, hidden)))
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout.splitlines()[-1]) == {}


@pytest.mark.parametrize("program", ["compare", "report"])
def test_reading_programs_print_help_without_torch(program):
    script = (
        "import runpy, sys\nsys.argv[:] = ['x', '--help']\ntry:\n"
        f"    runpy.run_module('tools.{program}', run_name='__main__')\n"
        "except SystemExit:\n    sys.exit('torch' in sys.modules)"
    )
    assert run(script).returncode == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [({"ENGINE": "theano"}, "ENGINE='theano' is not an engine; expected one of: torch, bvlc"),
     ({"ENGINE": "bvlc", "PRECISION": "bf16"}, "PRECISION=bf16 is for ENGINE=torch")],
)  # fmt: skip
def test_a_wrong_engine_is_an_import_error_that_programs_print_without_a_traceback(environment, message):
    found = run(
        "import fcn_repro.engine as e\ntry:\n    e.caffe\nexcept ImportError as error:\n    print(error)", **environment
    )
    assert message in found.stdout
    command = [sys.executable, "-m", "tools.infer", "voc-fcn8s", "x.png"]
    program = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    assert program.returncode == 1 and program.stderr.startswith(message) and "Traceback" not in program.stderr
