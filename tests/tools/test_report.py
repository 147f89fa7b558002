import argparse
from pathlib import Path

from tests.fixtures.html_document import Document
from tests.fixtures.result_folders import add_run
from tools import report

ROOT = Path(__file__).parents[2]


def test_the_page_is_written_where_it_was_asked_for_and_the_same_results_give_the_same(tmp_path, capsys):
    add_run(tmp_path / "build", "mini-fcn8s")
    pages = []
    for out in (tmp_path / "site/index.html", tmp_path / "b.html"):
        report.main(argparse.Namespace(build=tmp_path / "build", out=out))
        assert capsys.readouterr().out == f"{out}: 0.1 MB\n"
        pages.append(out.read_text(encoding="utf-8"))
    assert pages[0].startswith("<!doctype html>") and "mini-fcn8s" in Document(pages[0]).text
    assert pages[0] == pages[1]
