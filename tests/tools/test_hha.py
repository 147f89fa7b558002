import runpy
import sys

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets import hha, nyud_labeled
from tools import hha as tool

Y, X = np.mgrid[:30, :40]
DEPTH_MM = (1500 + 2 * X + 5 * Y).astype(np.uint16)
CAMERA = ["40", "40", "19.5", "14.5"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the program on depth.png, or another file: its exit status, and what it wrote if it did."""

    def program(*options, depth=DEPTH_MM, path=None):
        if path is None:
            path = tmp_path / "depth.png"
            Image.fromarray(depth).save(path)
        monkeypatch.setattr(sys, "argv", ["hha.py", str(path), "--out", str(tmp_path / "out"), *options])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(tool.__file__, run_name="__main__")
        written = tmp_path / "out" / "depth.png"
        return ended.value.code, np.array(Image.open(written)) if written.exists() else None

    return program


def test_millimetres_become_disparity_height_and_angle(run):
    status, written = run("--camera", *CAMERA)
    assert status == 0
    np.testing.assert_array_equal(written, hha.encode(DEPTH_MM / 1000, hha.Camera(40, 40, 19.5, 14.5)))
    np.testing.assert_array_equal(written[..., 0], np.floor(310_000 / DEPTH_MM + 0.5))


def test_the_unit_of_depth_can_be_another(run):
    assert (run("--camera", *CAMERA, "--per-metre", "5000", depth=5 * DEPTH_MM)[1] == run("--camera", *CAMERA)[1]).all()


def test_what_was_not_measured_stays_out_of_planes(run, tmp_path):
    raw = DEPTH_MM.copy()
    raw[10:20, 10:20] = 0
    (tmp_path / "raw").mkdir()
    Image.fromarray(raw).save(tmp_path / "raw" / "depth.png")
    depth = DEPTH_MM + 100 * (raw == 0)
    _, written = run("--camera", *CAMERA, "--raw", str(tmp_path / "raw"), depth=depth.astype(np.uint16))
    np.testing.assert_array_equal(written, hha.encode(depth / 1000, hha.Camera(40, 40, 19.5, 14.5), raw > 0))


def test_nyuds_camera_is_known_by_the_size_of_its_pictures(run):
    depth = np.full((425, 560), 2000, np.uint16)
    camera = nyud_labeled.CAMERAS[425, 560]
    assert (camera.cx, camera.cy) == pytest.approx((284.58244941, 207.73616633))
    np.testing.assert_array_equal(run(depth=depth)[1], hha.encode(depth / 1000, camera))


def test_refuses_to_guess_a_camera(run, capsys):
    assert run()[0] == 3
    assert (
        "depth.png: got 40 x 30 pixels; expected NYUDv2's 640 x 480 or 560 x 425. Fix: give the camera"
        in capsys.readouterr().err
    )


def test_refuses_holes_where_that_is_asked_for(run, capsys):
    depth = DEPTH_MM.copy()
    depth[0, :7] = 0
    assert run("--camera", *CAMERA, "--holes", "refuse", depth=depth)[0] == 3
    assert "depth.png: got 7 of 1200 pixels without a depth" in capsys.readouterr().err
    assert run("--camera", *CAMERA, "--holes", "zero", depth=depth)[0] == 0


@pytest.mark.parametrize(
    ("options", "scale"), [((), 1), (("--per-metre", "100"), 100), (("--per-metre", "1000"), 1000)]
)
def test_floats_are_metres_unless_the_unit_is_given(run, tmp_path, options, scale):
    depth_m = DEPTH_MM.astype(np.float32) / 1000
    depth_m[3, 4] = np.nan
    Image.fromarray(depth_m * scale).save(tmp_path / "metres.tif")
    status, _ = run("--camera", *CAMERA, *options, path=tmp_path / "metres.tif")
    assert status == 0
    with Image.open(tmp_path / "out" / "metres.png") as written:
        expected = hha.encode(np.nan_to_num(depth_m.astype(float)), hha.Camera(40, 40, 19.5, 14.5))
        np.testing.assert_allclose(np.array(written).astype(int), expected, atol=1)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (4000.0, "floats up to 4000; expected metres, up to 200. Fix for millimetres: --per-metre 1000"),
        (-2, "-2 m;"),
    ],
)
def test_floats_that_are_no_metres_are_refused(run, tmp_path, capsys, values, complaint):
    Image.fromarray(np.full((30, 40), values, np.float32)).save(tmp_path / "depth.tif")
    assert run("--camera", *CAMERA, path=tmp_path / "depth.tif")[0] == 3
    assert f"depth.tif: got {complaint}" in capsys.readouterr().err.replace("a depth of ", "")
