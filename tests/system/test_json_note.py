import json

import pytest

from fcn_repro.system.json_note import read_note

FIELDS = {"name": str, "images": int, "mean": [float], "classes": {str: [str]}, "source": ({"file": str}, [str], None)}
NOTE = {"name": "a", "images": 3, "mean": [1, 2.5], "classes": {"score": ["b"]}, "more": 1}


def read(tmp_path, text, **options):
    (tmp_path / "note.json").write_text(text if isinstance(text, str) else json.dumps(text))
    return read_note(tmp_path / "note.json", FIELDS, "python -m tools.emit NAME", **options)


def test_fields_are_returned_with_none_for_those_that_may_be_missing(tmp_path):
    assert read(tmp_path, NOTE) == {**NOTE, "source": None}
    assert read(tmp_path, {**NOTE, "source": {"file": "c"}})["source"] == {"file": "c"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "name: got None, expected text"),
        ({"images": 2.0}, "images: got 2.0, expected an integer"),
        ({"images": True}, "images: got True, expected an integer"),
        ({"mean": [1, "x"]}, r"mean\[1\]: got 'x', expected a number"),
        ({"mean": 1}, "mean: got 1, expected a list"),
        ({"classes": {"score": [1]}}, r"classes.score\[0\]: got 1, expected text"),
        ({"source": 1}, "source: got 1, expected an object or a list or null"),
        ({"name": ["x" * 100]}, r"name: got .{60}\.\.\., expected text"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_found_expected_and_the_fix(tmp_path, change, message):
    with pytest.raises(LookupError, match=f"note.json: {message}. Fix: python -m tools.emit NAME$"):
        read(tmp_path, {**NOTE, **change}, error=LookupError)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "JSONDecodeError: .*expected a JSON object. Fix"), ("[]", r"got \[\], expected an object. Fix"),
     ("[" * 100_000, "RecursionError: .*Fix"), ('"' + "x" * 200, "more than 100 bytes.*Fix")],
)  # fmt: skip
def test_missing_damaged_and_oversized_files_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match="note.json: missing. Fix: run x"):
        read_note(tmp_path / "note.json", FIELDS, "run x")
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text, limit=100 if '"' in text else 10**6)
