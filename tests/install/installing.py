"""New environments outside the repository, and what is installed in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_TORCH = ("numpy", "pillow", "scipy", "h5py", "protobuf", "tqdm", "tabulate", "filelock", "psutil")
PYTHONS = ("3.8", "3.10", "3.11", "3.12", "3.13")


def run(*command: object, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Return what a command prints; if it fails, so does the test, with all output."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, capture_output=True, text=True, env={**clean, **(env or {})}
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def sources(folder: Path) -> Path:
    """Copy the tracked files of the repository, because building leaves files behind."""
    for name in run("git", "ls-files", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def environment(folder: Path, python: str = sys.executable) -> Path:
    """Create an environment with only pip, and return its interpreter."""
    run(python, "-m", "venv", folder, cwd=ROOT)
    return folder / "bin" / "python"


def pip(python: Path, *arguments: object) -> None:
    """Install into an environment."""
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments, cwd=python.parent)


def python_of_version(version: str) -> str:
    """Return an interpreter of a version, from the path or pyenv; skip the test without one."""
    found = shutil.which(f"python{version}")
    candidates = [found] if found else []
    candidates += map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))
    for candidate in candidates:
        asked = subprocess.run([candidate, "--version"], capture_output=True, text=True)
        if asked.returncode == 0 and asked.stdout.startswith(f"Python {version}."):
            return candidate
    pytest.skip(f"no Python {version} here")
