"""The conda environment asks for what the wheel asks for."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # what conda-forge calls them
BUILD = {"pip", "setuptools>=77"}


def test_it_has_the_packages_and_ranges_of_the_wheel():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads TOML")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    expected = {f"python{project['requires-python']}", *BUILD}
    for requirement in project["dependencies"]:
        name, sign, versions = requirement.partition(">=")
        expected.add(f"{CONDA_NAMES.get(name, name)}{sign}{versions}")
    lines = (ROOT / "environment-torch.yml").read_text().partition("dependencies:\n")[2].splitlines()
    assert {line.removeprefix("  - ") for line in lines} == expected
