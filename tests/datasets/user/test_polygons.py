"""Label maps drawn from the outlines of labelme and COCO."""

import json

import numpy as np
import pytest

from fcn_repro.datasets.user import polygons
from fcn_repro.errors import DataError

NAMES = ("background", "cat", "dog")
HW = (20, 30)
TRIANGLE = [[3, 2], [25, 4], [9, 17]]
SQUARE = [[10, 5], [28, 5], [28, 18], [10, 18]]


def contains(points) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels lie inside a convex polygon, and which lie within one pixel of its outline, by brute force."""
    y, x = np.mgrid[: HW[0], : HW[1]]
    signs, near = [], np.zeros(HW, bool)
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
        cross = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        signs.append(cross >= 0)
        near |= np.abs(cross) <= np.hypot(x2 - x1, y2 - y1)
    return np.all(signs, axis=0) | np.all(~np.array(signs), axis=0), near


def labelme(*shapes, **fields) -> str:
    return json.dumps({"imageHeight": HW[0], "imageWidth": HW[1], "imagePath": "a.jpg", "shapes": shapes, **fields})


def shape(label, points, kind="polygon", **more):
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, **more}


@pytest.fixture
def draw(tmp_path):
    def draw(text: str, names=NAMES) -> np.ndarray:
        path = tmp_path / "a.json"
        path.write_text(text)
        return polygons.draw_outlines(path, polygons.read_labelme(path), names)

    return draw


def test_a_polygon_covers_its_inside(draw):
    found = draw(labelme(shape("cat", TRIANGLE)))
    inside, near = contains(TRIANGLE)
    assert found.shape == HW and found.dtype == np.uint8
    np.testing.assert_array_equal(found[~near], np.where(inside, 1, 0)[~near])


def test_later_shapes_cover_earlier_ones(draw):
    found = draw(labelme(shape("cat", TRIANGLE), shape("dog", SQUARE)))
    (inside, near), (above, rim) = contains(TRIANGLE), contains(SQUARE)
    expected = np.where(above, 2, np.where(inside, 1, 0))
    np.testing.assert_array_equal(found[~(near | rim)], expected[~(near | rim)])


def test_rectangles_and_circles_are_drawn_from_two_points(draw):
    found = draw(labelme(shape("cat", [[8, 9], [3, 2]], "rectangle"), shape("dog", [[20, 10], [20, 15]], "circle")))
    y, x = np.mgrid[: HW[0], : HW[1]]
    distance = np.hypot(x - 20, y - 10)
    assert (found[2:10, 3:9] == 1).all() and (found == 1).sum() == 8 * 6
    assert (found[distance < 4] == 2).all() and not (found[distance > 6] == 2).any()


@pytest.mark.parametrize(("names", "outside"), [(NAMES, 0), (("cat", "dog"), 255), (("cat", "background", "dog"), 1)])
def test_pixels_outside_of_all_shapes_are_background_or_void(draw, names, outside):
    assert draw(labelme(shape("cat", TRIANGLE)), names)[0, 0] == outside


def test_ignored_shapes_are_void_and_labelmes_background_is_background(draw):
    text = labelme(shape("cat", SQUARE), shape("_background_", [[12, 7], [20, 10]], "rectangle"))
    assert draw(text)[8, 14] == 0
    for name in ("__ignore__", "void"):
        assert draw(labelme(shape(name, SQUARE)))[10, 20] == 255


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "expected a JSON object"),
        (json.dumps({"shapes": []}), "imageHeight: got None"),
        (labelme(imageHeight=10**6, imageWidth=10**6), "got an image of 1000000 x 1000000 pixels"),
        (labelme(shape("cat", [[1, 2]], "point")), r"shapes\[0\]: got a shape of type 'point'; expected polygon"),
        (labelme(shape("cat", [[1, 2], [3, 4]])), r"shapes\[0\]: got a polygon of 2 points; expected 3 or more"),
        (labelme(shape("cat", [[1, 2], [3, 4], [5, 1e99]])), "3 or more points x, y up to 1e"),
        (labelme(shape("cat", [[1, 2], [3, 4], [5]])), "3 or more points"),
        (labelme(shape("cow", TRIANGLE)), "got shapes of cow; expected background, cat, dog or void"),
        (labelme({"label": "cat"}), r"shapes\[0\].points: got None"),
    ],
)
def test_damaged_files_and_unknown_names_are_refused(draw, text, complaint):
    with pytest.raises(DataError, match=rf"a\.json: .*{complaint}"):
        draw(text)


def coco(**changes) -> dict:
    runs = np.zeros(HW[::-1], int)
    runs[4:6, 3:9] = 1  # columns 4 and 5, rows 3 to 8
    edges = np.flatnonzero(np.diff(runs.ravel(), prepend=0)).tolist()
    counts = np.diff([0, *edges, runs.size]).tolist()
    return {
        "images": [
            {"id": 7, "file_name": "train/a.b.jpg", "height": HW[0], "width": HW[1]},
            {"id": 8, "file_name": "c.jpg", "height": 5, "width": 6},
        ],
        "categories": [{"id": 1, "name": "dog"}, {"id": 90, "name": "cat"}],
        "annotations": [
            {"image_id": 7, "category_id": 90, "segmentation": [[x for point in SQUARE for x in point]], "iscrowd": 0},
            {"image_id": 7, "category_id": 1, "segmentation": {"counts": counts, "size": list(HW)}, "iscrowd": 1},
        ],
        **changes,
    }


def test_coco_files_hold_the_outlines_of_many_images(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(coco()))
    found = polygons.read_coco(tmp_path / "c.json")
    assert list(found) == ["train/a.b", "c"]
    label_hw = polygons.draw_outlines(tmp_path, found["train/a.b"], NAMES)
    expected = np.zeros(HW, int)
    expected[3:9, 4:6] = 2
    inside, near = contains(SQUARE)
    np.testing.assert_array_equal(label_hw[~near], np.where(inside, 1, expected)[~near])
    assert (polygons.draw_outlines(tmp_path, found["c"], NAMES) == np.zeros((5, 6))).all()


def annotation(segmentation, image=7, category=1):
    return [{"image_id": image, "category_id": category, "segmentation": segmentation}]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"images": None}, "images: got None"),
        ({"annotations": annotation([[1, 2, 3, 4, 5, 6]], image=9)}, r"annotations\[0\]: got image 9 and category 1"),
        ({"annotations": annotation([[1, 2, 3, 4, 5, 6]], category=9)}, r"got image 7 and category 9"),
        ({"annotations": annotation({"counts": "PPYo0", "size": [20, 30]})}, "got compressed run lengths"),
        ({"annotations": annotation({"counts": [1, 2], "size": [20, 30]})}, "got damaged run lengths; .* runs of 600"),
        ({"annotations": annotation([[1, 2, 3]])}, "got no polygons"),
        ({"annotations": annotation(None)}, "got no polygons"),
        ({"annotations": annotation([[1, 2, 3, "x", 5, 6]])}, "got a polygon of 3 points"),
        ({"images": 2 * coco()["images"]}, "two images of the same id or file name"),
    ],
)
def test_damaged_coco_files_are_refused(tmp_path, changes, complaint):
    (tmp_path / "c.json").write_text(json.dumps(coco(**changes)))
    with pytest.raises(DataError, match=rf"c\.json: .*{complaint}"):
        polygons.read_coco(tmp_path / "c.json")
