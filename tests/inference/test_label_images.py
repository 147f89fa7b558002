import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets.photo import read_photo
from fcn_repro.datasets.user.folder_layout import IMAGE_SUFFIXES
from fcn_repro.errors import DataError
from fcn_repro.inference import label_images
from fcn_repro.inference.label_images import find_images, write_legend
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.untrusted_files import FORMATS
from tests.fixtures.copy_model import write_model


@pytest.fixture
def segmenter(tmp_path):
    return Segmenter(write_model(RunFolder("copy", tmp_path / "build"), "score").path, tile=32, gpu=-1)


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Five images in three folders, and another file."""
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(("a.jpg", "b.PNG", "deep/a.jpg", "deep/er/c.bmp", "other/a.png")):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40 + i, 30), (0, 0, 255)).save(path)
    (tmp_path / "album/notes.txt").write_text("no image")
    return Path("album")


def names(*meant: str) -> list[str]:
    return [each.name for each in find_images(meant)]


def test_a_folder_means_all_images_below_it(album):
    assert names("album") == ["a", "b", "deep/a", "deep/er/c", "other/a"]


def test_linked_folders_are_entered_and_circles_are_not(album):
    os.symlink("deep", album / "linked")
    os.symlink("../album", album / "deep" / "circle")
    assert names("album") == ["a", "b", "deep/a", "deep/er/c", "linked/a", "linked/er/c", "other/a"]


@pytest.mark.parametrize("name", ["x ", "3.45\u202fPM", "\U0001f468", "a\nb", "caf\udce9", "#1"])
def test_images_of_any_name_are_labelled_under_that_name(segmenter, tmp_path, name):
    Image.new("RGB", (40, 30)).save(tmp_path / f"{name}.png")
    (done,) = label_images.label_images(segmenter, find_images([str(tmp_path / f"{name}.png")]), tmp_path / "out")
    assert list(done.files) == [tmp_path / "out" / f"{name}.png"] and (tmp_path / "out" / f"{name}.png").is_file()


def test_other_files_in_a_folder_are_reported(album, caplog):
    (album / ".hidden").write_text("no image")
    names("album")
    assert caplog.messages == ["album: skipping 1 files with other endings, such as notes.txt"]


@pytest.mark.parametrize("ending", IMAGE_SUFFIXES)
def test_every_ending_that_a_folder_is_searched_for_can_be_read(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    Image.new("1" if ending == ".pbm" else "RGB", (40, 30), 1).save(path)
    assert read_photo(find_images([str(tmp_path)])[0].path).size == (40, 30)


def test_a_folder_is_searched_for_all_endings_of_the_formats_that_are_read():
    known = {ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS}
    assert set(IMAGE_SUFFIXES) == known - {".pfm"}


def test_a_pattern_means_what_matches(album):
    assert names("album/*.jpg") == ["a"]
    assert names("album/**/*.bmp") == ["c"]


def test_a_file_with_the_characters_of_a_pattern_is_a_file(album):
    (album / "x[1].jpg").write_bytes(b"")
    assert names("album/x[1].jpg") == ["x[1]"]


def test_no_two_images_share_a_name(album):
    assert names("album/a.jpg", "album/other/a.png", "album/deep/a.jpg") == ["a", "a-png", "a-jpg"]
    assert names(*["album/a.jpg"] * 4) == ["a", "a-jpg", "a-2", "a-3"]


@pytest.mark.parametrize("meant", ["album/*.gif", "empty"])
def test_arguments_without_images_are_refused(album, meant):
    Path("empty").mkdir()
    with pytest.raises(DataError, match="no file matches|no images in this folder"):
        find_images([meant])


def test_a_damaged_image_is_reported_and_all_others_are_labelled(segmenter, album, tmp_path):
    out = tmp_path / "out"
    done = list(
        label_images.label_images(
            segmenter, find_images(["album/a.jpg", "album/notes.txt", "album/gone.jpg", "album/b.PNG"]), out
        )
    )
    assert [each.error is None for each in done] == [True, False, False, True]
    assert "notes.txt: damaged, or not an image" in done[1].error and "gone.jpg: missing" in done[2].error
    assert sorted(path.name for path in out.iterdir()) == ["a-overlay.png", "a.png", "b-overlay.png", "b.png"]
    assert done[3].files == {out / "b.png": {"blue": 1.0}}


def test_scores_are_kept_whole_as_an_array(segmenter, tmp_path):
    image_rgb = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(image_rgb).save(tmp_path / "p.png")
    list(label_images.label_images(segmenter, find_images([str(tmp_path / "p.png")]), tmp_path / "out", scores=True))
    scores = np.load(tmp_path / "out/p-scores.npy")
    expected = image_rgb[..., ::-1].transpose(2, 0, 1) - np.float32(segmenter.mean_bgr)[:, None, None]
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    with Image.open(tmp_path / "out/p.png") as label_map:
        assert np.array_equal(np.asarray(label_map), scores.argmax(0))


def test_scores_are_not_left_half_written(segmenter, album, tmp_path, monkeypatch):
    def interrupted(self, tiles):
        next(tiles)
        raise KeyboardInterrupt

    monkeypatch.setattr(Segmenter, "label_tiles", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(label_images.label_images(segmenter, find_images(["album/a.jpg"]), tmp_path / "out", scores=True))
    assert list((tmp_path / "out").iterdir()) == []


def test_each_output_has_its_own_files(tmp_path):
    segmenter = Segmenter(write_model(RunFolder("two", tmp_path), "score_sem", "score_geo").path)
    Image.new("RGB", (4, 3)).save(tmp_path / "p.png")
    (done,) = label_images.label_images(segmenter, find_images([str(tmp_path / "p.png")]), tmp_path / "out")
    assert sorted(path.name for path in done.files) == ["p-geo.png", "p-sem.png"]


def test_tiles_of_a_large_image_have_a_progress_bar(segmenter, tmp_path, monkeypatch):
    bars = []

    class Bar(label_images.Progress):
        def __init__(self, total, text, unit="image"):
            super().__init__(total, text, unit)
            bars.append(self)

    monkeypatch.setattr(label_images, "Progress", Bar)
    Image.new("RGB", (70, 40)).save(tmp_path / "p.png")
    list(label_images.label_images(segmenter, find_images([str(tmp_path / "p.png")]), tmp_path / "out"))
    assert [(bar.label, bar.done, bar.total) for bar in bars] == [("label", 1, 1), ("p.png", 6, 6)]


def test_a_legend_shows_every_class_in_its_colour(segmenter, tmp_path):
    with Image.open(write_legend(segmenter, tmp_path)) as page:
        colours = {colour for _, colour in page.convert("RGB").getcolors(9999)}
    assert {(0, 0, 0), (128, 0, 0), (0, 128, 0)} <= colours
