"""Find a real Caffe on this machine or install one, to compare the engine with.

CAFFE_PYTHON (environment)   an interpreter with conda-forge's caffe or a source build; it comes first
build/oracle                 else a virtual environment, made once: a Python 3.7 to 3.9 with the wheel kendryte-caffe
                             of PyPI, which is BVLC Caffe's last commit plus one feature (CPU only, x86-64 Linux)
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / "build" / "oracle"
READY = VENV / ".ready"  # lists PACKAGES, once caffe was imported there
VERSIONS = ("3.8", "3.9", "3.7")  # 3.8 first: the oldest that everything above the engine supports
PACKAGES = ("kendryte-caffe==1.0.0.20210829", "numpy<1.24", "protobuf==3.20.3", "six", "scikit-image", "scipy", "h5py",
            "pillow", "tqdm", "tabulate", "filelock", "psutil")  # fmt: skip
ENVIRONMENT = {
    "GLOG_minloglevel": "2",  # errors only
    "OPENBLAS_NUM_THREADS": "1",  # sums in the same order every time
    "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
    "PYTHONPATH": str(ROOT),
}


class NoCaffe(Exception):
    """No real Caffe is available; the message names what is missing."""


def interpreter() -> str:
    """Return a Python interpreter that can `import caffe`; installs the wheel if necessary.

    Raises   NoCaffe
    """
    chosen = os.environ.get("CAFFE_PYTHON")
    if chosen:
        fault = _import_fault(chosen)
        if fault:
            raise NoCaffe(f"CAFFE_PYTHON={chosen} cannot import caffe: {fault}")
        return chosen
    own = str(VENV / "bin" / "python")
    packages = "\n".join(PACKAGES)
    if not READY.exists() or READY.read_text() != packages:
        _install(own)
        READY.write_text(packages)
    return own


def _install(own: str) -> None:
    base = _old_python()
    if base is None:
        raise NoCaffe(
            f"no real Caffe: CAFFE_PYTHON is not set, and no Python {', '.join(sorted(VERSIONS))} was found to install "
            "the wheel kendryte-caffe with; install one of them (pyenv install 3.8), or conda-forge's caffe"
        )
    commands = ([base, "-m", "venv", "--clear", str(VENV)], [own, "-m", "pip", "install", "--quiet", *PACKAGES])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoCaffe(f"no real Caffe: `{' '.join(command)}` failed: {done.stderr.strip()[-300:]}")
    fault = _import_fault(own)
    if fault:
        raise NoCaffe(f"the wheel is installed in {VENV}, but caffe does not import: {fault}")


def _old_python() -> str | None:
    """Return the first Python of a suitable version under pyenv or on PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in VERSIONS:
        candidates = [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"))]
        on_path = shutil.which(f"python{version}")
        for candidate in [*candidates, *([on_path] if on_path else [])]:
            done = subprocess.run([candidate, "-c", "import venv, ensurepip"], capture_output=True, check=False)
            if not done.returncode:
                return candidate
    return None


def _import_fault(python: str) -> str | None:
    """Return why `python` cannot import caffe, or None if it can."""
    try:
        done = subprocess.run(
            [python, "-c", "import caffe; caffe.SGDSolver"],
            capture_output=True, text=True, check=False, env={**os.environ, **ENVIRONMENT},
        )  # fmt: skip
    except OSError as error:
        return str(error)
    return (done.stderr.strip().splitlines() or ["it failed silently"])[-1] if done.returncode else None
