import tarfile

import numpy as np
import pytest
from PIL import Image

from fcn_repro.drawing.palette import make_voc_palette, save_label
from fcn_repro.errors import DataError
from fcn_repro.inference.voc_submission import Submission

ITEMS = {"2008_000006": (5, 7), "2008_000011": (6, 4)}  # height, width
PATHS = {f"results/VOC2012/Segmentation/comp6_test_cls/{item}.png" for item in ITEMS}


@pytest.fixture
def submission(tmp_path):
    """An empty submission for a test split of two images."""
    voc = tmp_path / "VOC2012"
    (voc / "ImageSets/Segmentation").mkdir(parents=True)
    (voc / "JPEGImages").mkdir()
    (voc / "ImageSets/Segmentation/test.txt").write_text("".join(f"{item}\n" for item in ITEMS))
    for item, (height, width) in ITEMS.items():
        Image.new("RGB", (width, height), (200, 0, 0)).save(voc / f"JPEGImages/{item}.jpg")
    return Submission(tmp_path / "out", voc, "test", 6)


def corner(image_rgb):
    """A net that sees a tvmonitor, class 20, in the first pixel."""
    label_hw = np.zeros(image_rgb.shape[:2], np.uint8)
    label_hw[0, 0] = 20
    return label_hw


@pytest.fixture
def written(submission):
    submission.prepare("a" * 64)
    submission.write(corner)
    return submission


def test_label_maps_have_the_devkits_paths(written):
    paths = {path.relative_to(written.root).as_posix() for path in written.root.glob("results/**/*.png")}
    assert paths == PATHS
    assert written.check() == 2


def test_the_archive_holds_the_label_maps_and_nothing_else(written, tmp_path):
    with tarfile.open(written.pack(), "r:gz") as archive:
        assert {member.name for member in archive} == PATHS
        archive.extractall(tmp_path / "server", filter="data")
    with Image.open(tmp_path / "server/results/VOC2012/Segmentation/comp6_test_cls/2008_000006.png") as image:
        assert (image.mode, image.size) == ("P", (7, 5))
        assert np.array_equal(np.asarray(image.convert("RGB"))[0, 0], make_voc_palette()[20])


def test_existing_label_maps_are_kept_and_missing_or_invalid_ones_and_those_of_other_weights_replaced(written):
    first, seen = written.pack().read_bytes(), []
    assert written.pack().read_bytes() == first  # the same label maps make the same archive
    watched = lambda image_rgb: seen.append(image_rgb.shape[:2]) or corner(image_rgb)  # noqa: E731
    written.label_path("2008_000011").unlink()
    written.prepare("a" * 64)
    written.write(watched)
    assert seen == [(6, 4)] and written.check() == 2
    Image.new("L", (7, 5)).save(written.label_path("2008_000006"))
    written.write(watched)
    assert seen == [(6, 4), (5, 7)] and written.check() == 2
    written.pack()
    written.prepare("b" * 64)
    assert not written.archive.exists()
    written.write(watched)
    assert len(seen) == 4


def bad_palette(path):
    image = Image.fromarray(np.zeros((5, 7), np.uint8))
    image.putpalette([9] * 768)
    image.save(path)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda path: path.unlink(), "2008_000006.png: missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:40]), "2008_000006.png: .*Error"),
        (lambda path: Image.new("L", (7, 5)).save(path), "PNG of mode L; expected an indexed PNG, mode P"),
        (lambda path: Image.new("P", (7, 5)).save(path, "GIF"), "GIF of mode"),
        (lambda path: save_label(path, np.zeros((7, 5))), "5 x 7 pixels; expected its image's 7 x 5"),
        (lambda path: save_label(path, np.full((5, 7), 255)), "label value 255; expected 0 to 20"),
        (bad_palette, "expected VOC's palette"),
        (lambda path: save_label(path.with_name("9999.png"), np.zeros((5, 7))), "9999.png: test has no such image"),
    ],
)
def test_label_maps_that_the_server_refuses_are_reported(written, spoil, message):
    spoil(written.label_path("2008_000006"))
    with pytest.raises(DataError, match=message):
        written.check()


def test_ids_that_lead_elsewhere_and_a_missing_split_are_refused(submission):
    split = submission.voc_dir / "ImageSets/Segmentation/test.txt"
    for item, error in {"../../stolen": "leaves its folder", "a/b": "is not an image id"}.items():
        split.write_text(f"{item}\n")
        with pytest.raises(DataError, match=f"'{item}' {error}"):
            submission.read_ids()
    split.unlink()
    with pytest.raises(DataError, match=r"test\.txt: missing(.|\n)*evaluation server(.|\n)*VOCdevkit/VOC2012"):
        submission.read_ids()
