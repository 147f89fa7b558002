import json
import shutil
from pathlib import Path

import pytest

from fcn_repro.datasets.user import registry
from fcn_repro.datasets.user.registry import UserDataset

CELLS = UserDataset("cells", "photos", "labels", ("background", "cell"), {"train": 4, "val": 1}, "voc-fcn8s")


@pytest.fixture(autouse=True)
def at_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(text, folder="cells"):
    path = registry.USER_DATASETS / folder / registry.NOTE
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_note_is_read_as_it_was_written():
    write(CELLS.to_json())
    assert registry.read_user_dataset("cells") == CELLS


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../../home/user"},  # whose labels/ would be replaced
        {"name": "a: ; touch stolen #"},  # which make would run
        {"name": "other"},
        {"class_names": [1, 2]},
        {"class_names": 5},
        {"splits": {"train": 4}},
        {"splits": {"train": 4, "val": -1}},
        {"splits": [4, 1]},
        {"images": None},
        {"more": 1},
    ],
)
def test_a_note_with_other_fields_is_refused_by_name(change):
    write(json.dumps({**json.loads(CELLS.to_json()), **change}))
    with pytest.raises(ValueError, match="cells/dataset.json: .*expected the note of a user data set"):
        registry.read_user_dataset("cells")


@pytest.mark.parametrize("text", ["", "[", "[]", "5", "[" * 100_000, '{"a":' * 50_000, "\x00"])
def test_what_is_no_note_is_refused_by_name(text):
    write(text)
    with pytest.raises(ValueError, match="cells/dataset.json: .*expected the note of a user data set"):
        registry.read_user_dataset("cells")


def test_a_folder_with_a_name_that_make_would_run_is_no_data_set():
    name = "a: ; touch stolen #"
    write(json.dumps({**json.loads(CELLS.to_json()), "name": name}), name)
    with pytest.raises(ValueError, match="expected the note of a user data set"):
        registry.list_user_datasets()
    shutil.rmtree(Path("build"))
