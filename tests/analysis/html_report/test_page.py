import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from fcn_repro.analysis.html_report.page import page
from fcn_repro.analysis.paper_tables import tables
from fcn_repro.drawing.palette import save_label
from fcn_repro.errors import DataError
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.score_report import build_report, checked_report, write_report
from tests.analysis.test_curves import log, row
from tests.fixtures.html_document import Document

HIST = np.array([[90, 10], [20, 80]])
SHA = "c06387ca24fd60c7d7990f73932ff0e0224662856a8eb1ddf5fb69c5cab0ce27"
NASTY = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"


def add(build, experiment="voc-fcn8s", names=("ground", "animal"), folder=None, **facts):
    path = build / (folder or experiment)
    path.mkdir(parents=True)
    facts = {"trained": 40, "recipe": 100, "shortened": True, "split": "val", "images": 4, **facts}
    facts = {"engine": "torch", "device": "cpu", "weights": {"file": "final.caffemodel", "sha256": SHA}, **facts}
    report = build_report({"experiment": experiment, **facts}, {"score": Score(HIST, 0.5, 7)}, [names])
    write_report(path / "score.json", report)
    return path


def read(build):
    return Document(page(build, tables()))


def test_a_page_of_nothing_still_has_the_papers_tables(tmp_path):
    found = read(tmp_path)
    assert "Nothing was run yet" in found.text and "None were run yet" in found.text
    assert all(table.title in found.text for table in tables())


def test_a_run_is_shown_with_scores_classes_confusions_and_provenance(tmp_path):
    folder = add(tmp_path, init=[{"suffix": "", "file": "vgg16-fcn.caffemodel", "sha256": SHA[::-1]}])
    log(folder / "log.csv", row(20, "1.5"), row(40, "1.25", "0.5"))
    found = read(tmp_path)
    for text in ("85.00", "73.86", "animal", SHA, SHA[::-1], "torch on cpu", "4 images of val", "200 scored, 7 void"):
        assert text in found.text
    assert "40 of 100 iterations, SHORTENED" in found.text
    assert [bar["style"] for bar in found.all("div") if bar.get("class") == "bar"] == ["--share:75.0", "--share:72.7"]
    assert {cell.get("title") for cell in found.all("td")} >= {"animal taken for ground: 20.0 %"}
    assert len(found.all("svg")) == 2


def test_pictures_are_inside_the_page(tmp_path):
    folder = add(tmp_path)
    save_label(folder / "pictures/examples.png", np.zeros((30, 40)))
    Image.new("RGB", (3000, 60)).save(folder / "pictures/sheet.png")
    Image.new("RGB", (9, 9)).save(folder / "pictures/other.png")
    pictures = read(tmp_path).all("img")
    assert [(each["width"], each["height"]) for each in pictures] == [("40", "30"), ("1400", "28")]
    assert all(each["src"].startswith("data:image/png;base64,") for each in pictures)


def test_a_picture_of_many_bytes_is_shown_in_fewer_colours(tmp_path):
    folder = add(tmp_path)
    (folder / "pictures").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "pictures/sheet.png")
    (picture,) = read(tmp_path).all("img")
    png = base64.b64decode(picture["src"].partition(",")[2])
    assert len(png) < 300_000 < (folder / "pictures/sheet.png").stat().st_size
    with Image.open(io.BytesIO(png)) as shown:
        assert (shown.mode, shown.size) == ("P", (500, 500))


@pytest.mark.parametrize("content", [b"no picture", b""])
def test_a_damaged_picture_is_told_and_the_rest_shown(tmp_path, content):
    folder = add(tmp_path)
    (folder / "pictures").mkdir()
    (folder / "pictures/sheet.png").write_bytes(content)
    found = read(tmp_path)
    assert "sheet.png" in found.text and SHA in found.text and not found.all("img")


def test_results_of_studies_are_shown_whatever_their_shape(tmp_path):
    (tmp_path / "studies/mini").mkdir(parents=True)
    result = {
        "title": "Do nets see outlines?",
        "images": 200,
        "lines": [{"label": "Shape", "mean_iu": 29.125}, {"label": "Reference", "mean_iu": None}],
        "bounds": {"majority": {"32": 86.1}, "area": {"32": 85.0}},
        "deep": [[[[[[[[1]]]]]]]],
        "notes": ["one", "two"],
        "equal": True,
    }
    (tmp_path / "studies/mini/cues.json").write_text(json.dumps(result))
    (tmp_path / "studies/broken.json").write_text("{")
    text = read(tmp_path).text
    for part in ("Do nets see outlines?", "cues", "29.12", "majority", "86.1", "one, two", "yes", "broken.json"):
        assert part in text


def test_what_comes_from_files_can_neither_run_nor_load_anything(tmp_path):
    weights = {"file": NASTY, "sha256": NASTY}
    add(
        tmp_path, NASTY, (NASTY, NASTY), "nasty", split=NASTY, engine=NASTY, device=NASTY, chosen=NASTY, weights=weights
    )
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/a.json").write_text(json.dumps({"title": NASTY, NASTY: NASTY, "x": [{NASTY: NASTY}]}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/score.json").write_text(json.dumps({"experiment": [NASTY]}))
    found = read(tmp_path)
    assert not found.all("script") and not found.all("img") and not found.all("link") and not found.all("iframe")
    for name, attributes in found.elements:
        assert not [key for key in attributes if key.startswith("on")], (name, attributes)
        assert attributes.get("href", "#").startswith("#")
    assert found.text.count("alert(1)") > 10  # it is there, as text
    (policy,) = [each for each in found.all("meta") if "http-equiv" in each]
    assert policy["content"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "damage, message",
    [
        ({"experiment": 3}, "experiment is 3; expected str"),
        ({"shortened": None}, "shortened is None; expected bool"),
        ({"scores": {}}, "no scores"),
        ({"scores": {"score": {}}}, "score: KeyError"),
        ({"trained": None, "weights": None}, "neither trained nor weights"),
        ({"init": [{"file": "x"}]}, "expected a file and its sha256"),
    ],
)
def test_a_report_that_is_none_is_refused_and_told_on_the_page(tmp_path, damage, message):
    path = add(tmp_path) / "score.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    with pytest.raises(DataError, match=f"score.json: no score report: .*{message}"):
        checked_report(path)
    assert message in read(tmp_path).text


@pytest.mark.parametrize("text", ["", "[1]", "null", "{", "[" * 100_000])
def test_any_other_json_is_refused(tmp_path, text):
    (tmp_path / "score.json").write_text(text)
    with pytest.raises(DataError, match="no score report"):
        checked_report(tmp_path / "score.json")


@pytest.mark.parametrize("histogram", [[[1]], [[1, 2], [3]], [[1, 2], ["3", 4]], 5])
def test_a_histogram_that_is_not_square_is_refused(tmp_path, histogram):
    path = add(tmp_path) / "score.json"
    report = json.loads(path.read_text())
    report["scores"]["score"]["histogram"] = histogram
    path.write_text(json.dumps(report))
    with pytest.raises(DataError, match="no score report: score: "):
        checked_report(path)
