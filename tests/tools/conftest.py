"""What tests of several programs use."""

import runpy
import sys

import pytest


@pytest.fixture
def run_program(monkeypatch, capsys):
    """Runs a program of tools/ in this process: its exit status, and what it printed on stdout and stderr."""

    def run(tool, *arguments):
        monkeypatch.setattr(sys, "argv", [tool.__file__, *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(tool.__file__, run_name="__main__")
        return (ended.value.code, *capsys.readouterr())

    return run
