import argparse
from pathlib import Path

from tests.fixtures.html_document import Document
from tests.fixtures.result_folders import add_run
from tools import report

ROOT = Path(__file__).parents[2]


def test_the_page_is_written_where_it_was_asked_for(tmp_path, capsys):
    add_run(tmp_path / "build", "mini-fcn8s")
    out = tmp_path / "site/index.html"
    report.main(argparse.Namespace(build=tmp_path / "build", out=out))
    text = out.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "mini-fcn8s" in Document(text).text
    assert capsys.readouterr().out == f"{out}: 0.1 MB\n"


def test_the_same_results_give_the_same_page(tmp_path):
    add_run(tmp_path / "build", "mini-fcn8s")
    for name in ("a.html", "b.html"):
        report.main(argparse.Namespace(build=tmp_path / "build", out=tmp_path / name))
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
