"""The pages tell the truth: what they show runs, or exists where it needs more than seconds; links lead somewhere."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from fcn_repro.model.run_folder import RunFolder
from solvers.emit import emit_experiment
from solvers.experiments import EXPERIMENTS
from tests.docs.pages import PAGES, ROOT, Command, blocks, commands, write_place, write_weights

COMMANDS = commands()
PROGRAM = re.compile(r"python -m (tools\.\w+)")


def label(command: Command) -> str:
    return f"{command.page}: {command.text}"


def is_program(command: Command) -> bool:
    """Whether it is one program of ours, without shell around it: that can run in this process."""
    plain = not re.search(r"[|;&]", command.text)
    return plain and command.words[:2] == ["python", "-m"] and command.words[2].startswith("tools.")


def is_quick(command: Command) -> bool:
    """Whether it can run here at once. Not so nets of full width, what compares or times nets, what needs a process of
    its own for the name `caffe` or to learn of a new data set: `make docs-test` runs those too."""
    return not re.search(r"voc-fcn|export|caffe|check photos|photos-", command.text)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A place where the pages' commands are run, one after the other, as a reader would."""
    place = tmp_path_factory.mktemp("place")
    write_place(place)
    before = os.getcwd()
    os.chdir(place)
    emit_experiment(EXPERIMENTS["mini-fcn8s"])
    write_weights(RunFolder("mini-fcn8s"))
    yield place
    os.chdir(before)


def run_here(words: list[str], monkeypatch) -> int:
    """Run a program of ours in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", [words[2], *words[3:]])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, words[2], raising=False)
    try:
        runpy.run_module(words[2], run_name="__main__")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


SHORT = [command for command in COMMANDS if not command.needs]


@pytest.mark.parametrize("command", [each for each in SHORT if is_program(each) and is_quick(each)], ids=label)
def test_programs_do_what_the_pages_say(command, place, monkeypatch, capsys):
    assert run_here(command.words, monkeypatch) == 0, capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("command", SHORT, ids=label)
def test_commands_run_as_they_stand(command, place):
    """In a shell, in the pages' order."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    text = re.sub(r"^make ", "make --assume-old=.venv/.ready ", command.text)
    told = subprocess.run(["bash", "-c", text], cwd=place, env=env, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("body", [body for _, body in blocks("python")])
def test_python_runs_as_it_stands(body, place):
    exec(compile(body, "page", "exec"), {})


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.words[0] == "make"], ids=label)
def test_targets_exist(command, place):
    variables = [word for word in command.words[1:] if "=" in word]
    targets = [word for word in command.words[1:] if "=" not in word]
    if targets == ["train"]:
        return  # makes its targets as it goes: tests/tools/test_adopt.py
    dry = ["make", "--dry-run", "--assume-old=.venv/.ready", *targets, *variables]
    told = subprocess.run(dry, cwd=place, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("command", [each for each in COMMANDS if PROGRAM.search(each.text)], ids=label)
def test_programs_have_the_options_that_the_pages_show(command, monkeypatch, capsys):
    words = ["python", "-m", PROGRAM.search(command.text)[1], "--help"]
    assert run_here(words, monkeypatch) == 0
    told = capsys.readouterr().out
    if words[2] == "tools.caffe":
        return  # has options for each of its commands: tests/tools/test_caffe.py
    for option in re.findall(r"(?<= )--[\w-]+", command.text):
        assert option in told, f"{command.page}: {command.text}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


def test_every_command_is_of_a_known_kind():
    known = ("make", "python", "find", "pip", "fcn-repro", "torchrun")
    assert {command.words[0] for command in COMMANDS} <= set(known)
    assert len(COMMANDS) > 30
