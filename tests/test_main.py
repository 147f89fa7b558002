import sys
from importlib import metadata
from pathlib import Path

import pytest

from fcn_repro import __main__, paths

ROOT = Path(__file__).resolve().parents[1]


def called(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fcn-repro", *arguments])
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in arguments[:1]:
        monkeypatch.delitem(sys.modules, f"tools.{name}", raising=False)  # as it is when the command starts
    return __main__.main()


def test_every_program_is_listed_with_what_it_is_for(monkeypatch, capsys):
    assert called(monkeypatch) == 0
    listed = capsys.readouterr().out
    for path in (ROOT / "tools").glob("*.py"):
        if "__main__" in path.read_text():
            assert f"    {path.stem} " in listed
    assert "    program " not in listed


def test_a_program_is_run_with_its_arguments_in_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        called(monkeypatch, "emit", "mini-fcn8s")
    assert ended.value.code == 0
    assert (tmp_path / "build/mini-fcn8s/deploy.prototxt").is_file()


def test_help_names_the_command(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        called(monkeypatch, "infer", "--help")
    assert "usage: fcn-repro infer" in capsys.readouterr().out


def test_an_unknown_program_is_refused(monkeypatch, capsys):
    assert called(monkeypatch, "unfer") == 2
    assert "no program 'unfer'" in capsys.readouterr().err


def test_in_a_clone_tables_are_the_working_directorys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert paths.find_root() == ROOT
    assert paths.find_table(Path("data/weights.csv")) == Path("data/weights.csv")


class Recorded(type(Path())):
    def locate(self):
        return self


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A package without a clone around it, and its data where pip puts them."""
    share = tmp_path / "env" / "share" / "fcn-repro"
    for name in ("tools/__init__.py", "data/weights.csv"):
        (share / name).parent.mkdir(parents=True, exist_ok=True)
        (share / name).touch()
    monkeypatch.setattr(paths, "CLONE", tmp_path / "env" / "site-packages")
    monkeypatch.setattr(metadata, "files", lambda name: [Recorded(share / "tools" / "__init__.py")])
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return share


def test_installed_tables_are_found_where_the_working_directory_has_none(wheel):
    table = Path("data/weights.csv")
    assert paths.find_table(table) == wheel / table
    table.parent.mkdir()
    table.touch()
    assert paths.find_table(table) == table


def test_a_package_without_its_programs_says_so(wheel, monkeypatch):
    monkeypatch.setattr(metadata, "files", lambda name: [])
    with pytest.raises(FileNotFoundError, match="programs of fcn-repro are missing"):
        paths.find_root()
