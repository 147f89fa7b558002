"""The pages are true: their commands run or exist, their links, paths and names resolve."""

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
from tests.docs import pages
from tests.docs.pages import PAGES, ROOT, Command, find_blocks, find_commands, find_names, find_paths, read_page

COMMANDS = find_commands()
PROGRAM = re.compile(r"python -m (tools\.\w+)")
MADE_LATER = ("data/downloads", "data/pascal/", "data/sbdd/", "data/nyud/")  # by the programs, or by hand
ENVIRONMENT = ROOT / "docs" / "environment.md"


def label(command: Command) -> str:
    return f"{command.page}: {command.text}"


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def is_program(command: Command) -> bool:
    """Whether a command is one program without shell syntax, which can run in this process."""
    has_shell_syntax = re.search(r"[|;&]", command.text)
    return not has_shell_syntax and command.words[:2] == ["python", "-m"] and command.words[2].startswith("tools.")


def is_quick(command: Command) -> bool:
    """Whether a command takes seconds and needs no new process.

    Full-width nets take longer. The others compare or time nets, import `caffe`, or read a new data set.
    """
    return not re.search(r"voc-fcn|export|caffe|photos", command.text)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder to run the commands in, one after the other, as a reader does."""
    place = tmp_path_factory.mktemp("place")
    pages.make_place(place)
    before = os.getcwd()
    os.chdir(place)
    emit_experiment(EXPERIMENTS["mini-fcn8s"])
    pages.write_weights(RunFolder("mini-fcn8s"))
    yield place
    os.chdir(before)


def run_here(words: list[str], monkeypatch) -> int:
    """Run a program in this process; returns its exit status."""
    monkeypatch.setattr(sys, "argv", [words[2], *words[3:]])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, words[2], raising=False)
    try:
        runpy.run_module(words[2], run_name="__main__")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


RUNNABLE = [command for command in COMMANDS if not command.needs]


@pytest.mark.parametrize("command", [each for each in RUNNABLE if is_program(each) and is_quick(each)], ids=label)
def test_quick_programs_succeed(command, place, monkeypatch, capsys):
    assert run_here(command.words, monkeypatch) == 0, capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("command", RUNNABLE, ids=label)
def test_commands_succeed_in_a_shell(command, place):
    """In the pages' order."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    text = re.sub(r"^make ", "make --assume-old=.venv/.ready ", command.text)
    done = subprocess.run(["bash", "-c", text], cwd=place, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("body", [body for _, body in find_blocks("python")])
def test_python_blocks_run(body, place):
    exec(compile(body, "page", "exec"), {})


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.words[0] == "make"], ids=label)
def test_make_targets_exist(command, place):
    variables = [word for word in command.words[1:] if "=" in word]
    targets = [word for word in command.words[1:] if "=" not in word]
    if targets == ["train"]:
        return  # makes its targets while it runs: tests/tools/test_user_dataset.py
    dry_run = ["make", "--dry-run", "--assume-old=.venv/.ready", *targets, *variables]
    done = subprocess.run(dry_run, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [each for each in COMMANDS if PROGRAM.search(each.text)], ids=label)
def test_programs_have_the_options_of_the_pages(command, monkeypatch, capsys):
    words = ["python", "-m", PROGRAM.search(command.text)[1], "--help"]
    assert run_here(words, monkeypatch) == 0
    usage = capsys.readouterr().out
    if words[2] == "tools.caffe":
        return  # each of its commands has options: tests/tools/test_caffe.py
    for option in re.findall(r"(?<= )--[\w-]+", command.text):
        assert option in usage


def test_every_command_is_of_a_known_kind():
    known = ("make", "python", "find", "pip", "fcn-repro", "torchrun", "git", "cd")
    assert {command.words[0] for command in COMMANDS} <= set(known)
    assert len(COMMANDS) > 30


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_and_paths_exist(page):
    text = re.sub(r"<!--.*?-->", "", read_page(page), flags=re.S)
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert "://" in target or (page.parent / target).exists(), target
    for path in find_paths(text):
        if not path.startswith(MADE_LATER):
            assert any(ROOT.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_names_of_modules_and_attributes_resolve(page):
    for name in find_names(read_page(page)):
        pages.resolve(name)


def test_paths_and_names_are_found_in_a_text():
    text = "`fcn_repro/caffe/net/net.py`, [x](docs/faq.md): data/x.csv and `data/*.csv`, a/tools/b; nets/{a,b}.py."
    assert find_paths(text) == ["fcn_repro/caffe/net/net.py", "docs/faq.md", "data/*.csv", "nets/a.py", "nets/b.py"]
    assert find_names("`fcn_repro.Segmenter` and python -m tools.infer, tools/a.b.") == [
        "fcn_repro.Segmenter",
        "tools.infer",
    ]


def test_the_environment_page_lists_every_variable():
    """Every variable that the code reads or that make passes on, and no other."""
    first_cells = re.findall(r"^\| (`[^|]+) \|", read_page(ENVIRONMENT), re.M)
    listed = set(re.findall(r"`(\w+)`", " ".join(first_cells)))
    read = set()
    for folder in ("fcn_repro", "nets", "solvers", "tools", "tests/resume"):
        for path in (ROOT / folder).rglob("*.py"):
            read.update(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", read_page(path)))
    makefile = (ROOT / "Makefile").read_text()
    assert read <= listed, read - listed
    unknown = {name for name in listed if name not in read and not re.search(rf"\b{name}\b", makefile)}
    assert unknown <= {"CUDA_VISIBLE_DEVICES", "OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS"}, unknown
