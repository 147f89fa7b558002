"""No output replaces an input or another output, whatever the paths look like."""

import os
from pathlib import Path

import pytest

from fcn_repro.errors import DataError
from fcn_repro.system.output_paths import check_outputs


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in", "out"):
        Path(name).mkdir()
    Path("in/a.png").write_bytes(b"image")
    return tmp_path


def check(*outputs: str, inputs=("in/a.png",)) -> None:
    check_outputs([(Path(path), Path(f"source {i}")) for i, path in enumerate(outputs)], map(Path, inputs), "--out")


def test_new_files_are_allowed_also_under_the_names_of_inputs_elsewhere(folders):
    check("out/a.png", "out/b.png", "new/folder/a.png", "in/b.png")


@pytest.mark.parametrize("output", ["in/a.png", "out/../in/a.png", "./in//a.png", "in/A.PNG", "linked/a.png", "l.png"])
def test_an_output_that_is_an_input_is_refused_with_both_names(folders, output):
    os.symlink("in", "linked")
    os.symlink("in/a.png", "l.png")
    with pytest.raises(DataError) as refused:
        check("out/a.png", output)
    assert str(refused.value) == f"{Path(output)}: got an output that replaces the input in/a.png. Fix: --out"


def test_an_input_may_be_the_link(folders):
    os.symlink("../in/a.png", "out/link.png")
    os.link("in/a.png", "out/hard.png")
    for inputs, output in ((["out/link.png"], "in/a.png"), (["out/hard.png"], "in/a.png")):
        with pytest.raises(DataError, match=f"{output}: got an output that replaces the input {inputs[0]}"):
            check(output, inputs=inputs)


@pytest.mark.parametrize("pair", ["out/x.png out/x.png", "out/x.png out/X.png", "new/caf\u00e9.png new/cafe\u0301.png"])
def test_two_outputs_in_one_file_are_refused_with_both_sources(folders, pair):
    with pytest.raises(DataError, match="got one output of source 0 and of source 1, expected two"):
        check(*pair.split())


def test_folders_that_differ_in_case_are_two_folders_where_the_file_system_says_so(folders):
    Path("In").mkdir(exist_ok=True)
    if os.path.samefile("in", "In"):
        pytest.skip("this file system ignores case")
    check("In/a.png")


def test_the_same_missing_input_twice_is_no_fault(folders):
    check("out/a.png", inputs=["gone.png", "gone.png"])
