import sys
from importlib import metadata
from pathlib import Path

import pytest

import fcn_repro
from fcn_repro import __main__, paths
from fcn_repro.model.run_folder import RunFolder
from tools import aliases

ROOT = Path(__file__).resolve().parents[1]


def called(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fcn-repro", *arguments])
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in arguments[:1]:
        monkeypatch.delitem(sys.modules, f"tools.{name}", raising=False)  # as it is when the command starts
    return __main__.main()


def test_the_table_lists_the_programs_of_tools_in_full(monkeypatch, capsys):
    programs = {path.stem for path in (ROOT / "tools").glob("*.py") if '__main__":' in path.read_text()}
    assert {*__main__.PROGRAMS, *__main__.RENAMED} == programs and set(__main__.RENAMED) == set(aliases.NEW_NAMES)
    assert called(monkeypatch) == 0
    listed = capsys.readouterr().out
    assert all(f"    {name} " in listed for name in __main__.PROGRAMS)


def test_the_package_exports_what_a_user_imports():
    assert fcn_repro.RunFolder is RunFolder and set(fcn_repro.__all__) <= set(dir(fcn_repro))
    assert all(getattr(fcn_repro, name) is not None for name in fcn_repro.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Segmenters'"):
        _ = fcn_repro.Segmenters


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
