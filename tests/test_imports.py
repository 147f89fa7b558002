"""What importing costs and changes: nothing, and torch only where something is computed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# These modules read no net and compute nothing.
WITHOUT_TORCH = (
    *("fcn_repro", "fcn_repro.engine", "fcn_repro.device", "fcn_repro.ranks", "fcn_repro.datasets"),
    *("fcn_repro.model.run_folder", "fcn_repro.model.prototxt", "fcn_repro.model.deploy_metadata"),
    *("fcn_repro.evaluation.score_report", "fcn_repro.analysis.paper_tables", "fcn_repro.training.train_log"),
    *("solvers.experiments", "tools.program"),
)


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
    paths = [
        path.relative_to(ROOT) for room in ("fcn_repro", "nets", "solvers") for path in ROOT.glob(f"{room}/**/*.py")
    ]
    modules = [".".join(path.with_suffix("").parts).replace(".__init__", "") for path in paths]
    programs = [path.stem for path in ROOT.glob("tools/*.py") if '__main__":' in path.read_text()]
    hidden = ["fcntl", "resource"]
    found = run(IMPORT_ALL, *map(json.dumps, ([name for name in modules if "__main__" not in name], programs, hidden)))
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout.splitlines()[-1]) == {}


def test_modules_that_compute_nothing_import_without_torch():
    program = (
        "import importlib, json, sys\n"
        "loaded = lambda name: [importlib.import_module(name), 'torch' in sys.modules][1]\n"
        f"print(json.dumps([name for name in {WITHOUT_TORCH!r} if loaded(name)]))"
    )
    found = run(program)
    assert found.stdout.strip() == "[]", found.stdout + found.stderr


@pytest.mark.parametrize("program", ["compare", "report"])
def test_reading_programs_print_help_without_torch(program):
    script = (
        "import runpy, sys\nsys.argv[:] = ['x', '--help']\ntry:\n"
        f"    runpy.run_module('tools.{program}', run_name='__main__')\n"
        "except SystemExit:\n    sys.exit('torch' in sys.modules)"
    )
    assert run(script).returncode == 0


def test_importing_changes_no_process_setting():
    program = """
import gc, importlib, logging, signal, sys, threading, warnings
def settings():
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    return signals, sys.excepthook, logging.getLogger().handlers[:], logging.getLogger().level, gc.get_threshold()
import torch
before = settings()
for name in ("fcn_repro.inference.segmenter", "fcn_repro.training.trainer", "solvers.experiments", "tools.infer"):
    importlib.import_module(name)
assert settings() == before
"""
    found = run(program)
    assert found.returncode == 0, found.stderr


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
