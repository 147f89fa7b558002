import csv
import io

import pytest

from fcn_repro.system.text_table import FORMATS, WIDTH, format_table

HEADERS = ("run", "mean IU", "note")
ROWS = [("FCN-8s", "62.7", "of the paper"), ("  voc-fcn8s", ".", None), ("a | b_c", "1,234.56?", "50 % of it")]


def test_text_aligns_numbers_right_and_words_left_and_keeps_indents():
    assert format_table(ROWS, HEADERS).splitlines() == [
        "run            mean IU  note",
        "-----------  ---------  ------------",
        "FCN-8s            62.7  of the paper",
        "  voc-fcn8s          .",
        "a | b_c      1,234.56?  50 % of it",
    ]


def test_text_wraps_words_and_headers_where_a_line_is_too_long():
    lines = format_table([("label", "1.25", "word " * 60), ("b", "2", "")], HEADERS).splitlines()
    assert max(map(len, lines)) <= WIDTH and sum(line.count("word") for line in lines) == 60
    headers = ["", *[f"a rather long header {i}" for i in range(9)]]
    lines = format_table([("of one label", *["12.34"] * 9)], headers).splitlines()
    assert max(map(len, lines)) <= WIDTH and lines[-1].startswith("of one label")
    assert lines[-1].split()[3:] == ["12.34"] * 9


def test_markdown_and_latex_escape_their_special_characters():
    lines = format_table(ROWS, HEADERS, "github").splitlines()
    assert lines[1].startswith("|:--") or lines[1].startswith("|--")
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == ["voc-fcn8s", ".", ""]
    assert r"a \| b_c" in lines[4]
    text = format_table(ROWS, HEADERS, "latex")
    assert text.startswith(r"\begin{tabular}{lrl}") and r"b\_c" in text and r"50 \% of it" in text


def test_csv_reads_back():
    found = list(csv.reader(io.StringIO(format_table([*ROWS, ('a,"b', "1", "")], HEADERS, "csv"))))
    assert found == [list(HEADERS), ["FCN-8s", "62.7", "of the paper"], ["voc-fcn8s", ".", ""],
                     ["a | b_c", "1,234.56?", "50 % of it"], ['a,"b', "1", ""]]  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_without_rows_has_its_headers(format):
    text = format_table([], HEADERS, format)
    assert all(header in text for header in HEADERS)


def test_unknown_formats_and_ragged_rows_are_refused():
    with pytest.raises(ValueError, match="got 'html', expected one of text, github, latex, csv"):
        format_table(ROWS, HEADERS, "html")
    with pytest.raises(ValueError, match="got 1 cells, expected 3"):
        format_table([["a"]], HEADERS)
