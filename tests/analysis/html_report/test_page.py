"""The page: everything is on it, whatever the files hold, and none of it can run or load anything."""

import base64
import io
import json

import numpy as np
from PIL import Image

from fcn_repro.analysis.html_report.json_value import MAX_ROWS
from fcn_repro.analysis.html_report.page import render_page
from fcn_repro.analysis.paper_tables import read_tables
from fcn_repro.drawing.palette import save_label
from tests.fixtures.html_document import Document
from tests.fixtures.result_folders import SHA, add_run, log_row, write_log

NASTY = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"


def read(build):
    return Document(render_page(build, read_tables()))


def test_a_page_of_nothing_still_has_the_papers_tables(tmp_path):
    found = read(tmp_path)
    assert "Nothing was run yet" in found.text and "None were run yet" in found.text
    assert all(table.title in found.text for table in read_tables())


def test_a_run_is_shown_with_scores_classes_confusions_and_provenance(tmp_path):
    folder = add_run(tmp_path, init=[{"suffix": "", "file": "vgg16-fcn.caffemodel", "sha256": SHA[::-1]}])
    write_log(folder / "log.csv", log_row(20, "1.5"), log_row(40, "1.25", "0.5"))
    found = read(tmp_path)
    for text in ("85.00", "73.86", "animal", SHA, SHA[::-1], "torch on cpu", "4 images of val", "200 scored, 7 void"):
        assert text in found.text
    assert "40 of 100 iterations, SHORTENED" in found.text
    assert [bar["style"] for bar in found.all("div") if bar.get("class") == "bar"] == ["--share:75.0", "--share:72.7"]
    assert {cell.get("title") for cell in found.all("td")} >= {"animal taken for ground: 20.0 %"}
    assert len(found.all("svg")) == 2
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)


def test_images_are_inside_the_page(tmp_path):
    folder = add_run(tmp_path)
    save_label(folder / "pictures/examples.png", np.zeros((30, 40)))
    Image.new("RGB", (3000, 60)).save(folder / "pictures/sheet.png")
    Image.new("RGB", (9, 9)).save(folder / "pictures/other.png")
    images = read(tmp_path).all("img")
    assert [(each["width"], each["height"]) for each in images] == [("40", "30"), ("1400", "28")]
    assert all(each["src"].startswith("data:image/png;base64,") for each in images)


def test_an_image_of_many_bytes_is_shown_in_fewer_colours_and_a_damaged_one_reported(tmp_path):
    sheet = add_run(tmp_path) / "pictures/sheet.png"
    sheet.parent.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(sheet)
    (image,) = read(tmp_path).all("img")
    png = base64.b64decode(image["src"].partition(",")[2])
    assert len(png) < 300_000 < sheet.stat().st_size
    with Image.open(io.BytesIO(png)) as shown:
        assert (shown.mode, shown.size) == ("P", (500, 500))
    for content in b"no image", b"":
        sheet.write_bytes(content)
        found = read(tmp_path)
        assert "sheet.png" in found.text and SHA in found.text and not found.all("img")


def test_any_json_of_studies_is_shown(tmp_path):
    (tmp_path / "studies/mini").mkdir(parents=True)
    result = {
        "title": "Do nets see outlines?",
        "images": 200,
        "lines": [{"label": "Shape", "mean_iu": 29.125}, {"label": "Reference", "mean_iu": None}],
        "bounds": {"majority": {"32": 86.1}, "area": {"32": 85.0}},
        "deep": [[[[[[[[1]]]]]]]],
        "notes": ["one", "two"],
        "equal": True,
        "many": [{"n": i} for i in range(MAX_ROWS + 3)],
    }
    (tmp_path / "studies/mini/cues.json").write_text(json.dumps(result))
    (tmp_path / "studies/broken.json").write_text("{")
    text = read(tmp_path).text
    parts = ("Do nets see outlines?", "cues", "29.12", "majority", "86.1", "one, two", "yes", "3 more", "broken.json")
    assert [part for part in parts if part not in text] == []


def test_what_comes_from_files_can_neither_run_nor_load_anything(tmp_path):
    weights = {"file": NASTY, "sha256": NASTY}
    facts = dict.fromkeys(("split", "engine", "device", "chosen"), NASTY)
    add_run(tmp_path, NASTY, (NASTY, NASTY), "nasty", weights=weights, **facts)
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


def test_damaged_reports_are_listed_and_the_rest_shown(tmp_path):
    add_run(tmp_path)
    for name, text in ("a", '{"experiment": 3}'), ("b", "["):
        (tmp_path / name).mkdir()
        (tmp_path / name / "score.json").write_text(text)
    found = read(tmp_path)
    faults = [attributes for attributes in found.all("p") if attributes.get("class") == "fault"]
    assert len(faults) == 2 and "a/score.json" in found.text and "b/score.json" in found.text and SHA in found.text
