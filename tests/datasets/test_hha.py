"""HHA against rooms made of planes, whose depth, heights and angles are known, and against plane fits one by one."""

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets import hha
from fcn_repro.datasets.hha import NYUD_CAMERA, Camera
from fcn_repro.errors import DataError
from tests.fixtures.shared_files import find_shared

H, W = 96, 128
CAMERA = Camera(fx=80.0, fy=78.0, cx=63.0, cy=47.5)
ABOVE_FLOOR_M = 1.5
# Faces as (normal, distance) in a world that looks like the camera's when that is level: x right, y down, z forward.
FLOOR, CEILING = ((0, 1, 0), ABOVE_FLOOR_M), ((0, -1, 0), 1.0)
BACK, LEFT, RIGHT = ((0, 0, 1), 4.0), ((-1, 0, 0), 2.0), ((1, 0, 0), 2.0)
ROOM = (FLOOR, CEILING, BACK, LEFT, RIGHT)


def turned(pitch: float, roll: float) -> np.ndarray:
    """From the world to a camera that looks down by `pitch` and leans by `roll`, in degrees."""
    p, r = np.radians([pitch, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_z @ about_x


def seen(faces, pitch: float = 0.0, roll: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth in metres, which face each pixel sees, and gravity, from a point inside of a convex room."""
    rotation, rays = turned(pitch, roll), hha.rays((H, W), CAMERA)
    approach = np.stack([rays @ (rotation @ normal) for normal, _ in faces])
    with np.errstate(divide="ignore"):
        depths = np.array([distance for _, distance in faces])[:, None, None] / approach
    depths[approach <= 0] = np.inf
    return depths.min(axis=0), depths.argmin(axis=0), rotation @ (0, 1, 0)


def away_from_edges(face: np.ndarray) -> np.ndarray:
    """The pixels whose square for the angle lies within one face."""
    r = hha.FINE_PX
    inner = np.zeros(face.shape, bool)
    for y, x in np.ndindex(H - 2 * r, W - 2 * r):
        inner[y + r, x + r] = np.ptp(face[y : y + 2 * r + 1, x : x + 2 * r + 1]) == 0
    return inner


def gravity_of(depth_m: np.ndarray) -> np.ndarray:
    everywhere = np.ones(depth_m.shape, bool)
    return hha.estimate_gravity(hha.normals(depth_m, CAMERA, everywhere, hha.COARSE_PX))


def between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


# ---- normals


@pytest.mark.parametrize("radius_px", [1, 3])
def test_normals_are_those_of_planes_fitted_one_by_one(radius_px: int):
    random = np.random.default_rng(0)
    depth = 2 + random.random((9, 12))
    measured = random.random((9, 12)) < 0.7
    rays = hha.rays(depth.shape, CAMERA)
    found = hha.normals(depth, CAMERA, measured, radius_px)
    for y, x in np.ndindex(depth.shape):
        square = np.s_[max(y - radius_px, 0) : y + radius_px + 1, max(x - radius_px, 0) : x + radius_px + 1]
        inside = measured[square]
        points, inverse = rays[square][inside], 1 / depth[square][inside]
        if np.linalg.matrix_rank(points) < 3:
            assert np.isnan(found[y, x]).all()
            continue
        plane = np.linalg.lstsq(points, inverse, rcond=None)[0]  # n . p = 1, so n . p / z = 1 / z
        plane *= np.sign(plane @ rays[y, x]) / np.linalg.norm(plane)
        np.testing.assert_allclose(found[y, x], plane, atol=1e-6)


def test_the_normal_of_a_plane_is_its_own_everywhere():
    depth, _, _ = seen([((0, 0.3, 1), 2.0)])
    normal = np.array([0, 0.3, 1]) / np.hypot(0.3, 1)
    found = hha.normals(depth, CAMERA, np.ones(depth.shape, bool), hha.FINE_PX)
    np.testing.assert_allclose(found, np.broadcast_to(normal, found.shape), atol=1e-9)


def test_a_line_of_pixels_has_no_normal():
    measured = np.zeros((H, W), bool)
    measured[5] = True
    assert np.isnan(hha.normals(np.ones((H, W)), CAMERA, measured, hha.FINE_PX)).all()


# ---- gravity


@pytest.mark.parametrize("pitch, roll", [(0, 0), (20, 0), (-20, 0), (10, 8), (-5, -15)])
def test_gravity_is_found_from_a_tilted_camera(pitch: float, roll: float):
    depth, _, gravity = seen(ROOM, pitch, roll)
    assert between(gravity_of(depth), gravity) < 0.7


@pytest.mark.parametrize("tilt", [(0.0, 0.0), (12.0, 0.0), (12.0, 9.0)])
def test_before_a_single_wall_gravity_stays_as_near_to_down_as_the_wall_allows(tilt):
    depth, _, _ = seen([BACK], *tilt)
    wall = turned(*tilt) @ (0, 0, 1)
    nearest = np.array([0, 1, 0]) - wall[1] * wall
    assert between(gravity_of(depth), nearest / np.linalg.norm(nearest)) < 1e-3


def test_without_normals_gravity_is_down():
    np.testing.assert_allclose(hha.estimate_gravity(np.full((4, 4, 3), np.nan)), [0, 1, 0])


# ---- the three channels


def test_a_floor_is_level_and_at_height_zero():
    depth, _, _ = seen([FLOOR], pitch=40)
    encoded = hha.encode(depth, CAMERA)
    assert (encoded[..., 1] == 0).all()
    assert (encoded[..., 2] == 38).all()
    np.testing.assert_array_equal(encoded[..., 0], np.floor(np.clip(310 / np.maximum(depth, 1), 0, 255) + 0.5))


@pytest.mark.parametrize("pitch, roll", [(0, 0), (10, 0), (-4, 6)])
def test_a_room_has_the_heights_and_angles_of_its_faces(pitch: float, roll: float):
    depth, face, gravity = seen(ROOM, pitch, roll)
    encoded = hha.encode(depth, CAMERA).astype(float)
    heights = 100 * (ABOVE_FLOOR_M - depth * (hha.rays(depth.shape, CAMERA) @ gravity))
    assert set(np.unique(face)) == set(range(5))
    assert abs(encoded[..., 1] - np.clip(heights, 0, 255)).max() <= 4  # half a degree, four metres away
    angles = np.array([38, 218, 128, 128, 128])[face]
    assert abs(encoded[..., 2] - angles)[away_from_edges(face)].max() <= 1


@pytest.mark.parametrize("metres, disparity", [(0.4, 255), (1.0, 255), (1.25, 248), (3.1, 100), (10.0, 31)])
def test_disparity_is_31000_by_centimetres(metres: float, disparity: int):
    assert (hha.encode(np.full((H, W), metres), CAMERA)[..., 0] == disparity).all()


def test_where_no_floor_is_in_sight_the_camera_is_130_cm_above_it():
    encoded = hha.encode(np.full((H, W), 1.0), CAMERA)
    rows = (np.arange(H) - CAMERA.cy) / CAMERA.fy
    np.testing.assert_array_equal(encoded[:, 0, 1], np.floor(130 - 100 * rows + 0.5))


def test_a_cropped_camera_sees_the_same_heights():
    depth, _, _ = seen(ROOM, pitch=10)
    everywhere = np.ones(depth.shape, bool)
    gravity = gravity_of(depth)
    whole = hha.height_cm(100 * depth, CAMERA, gravity, everywhere)
    part = hha.height_cm(100 * depth[20:, 30:], CAMERA.crop(left=30, top=20), gravity, everywhere[20:, 30:])
    np.testing.assert_allclose(part, whole[20:, 30:])


# ---- real depth


def read_real(name: str) -> np.ndarray:
    with Image.open(find_shared(f"data/hha/{name}.png")) as image:
        return np.array(image)


def test_depth_alone_gives_the_authors_program_output_in_matlab():
    depth_m = read_real("demo_depth_tenth_mm") / 10_000
    np.testing.assert_array_equal(hha.encode(depth_m, NYUD_CAMERA), read_real("demo_matlab_hha"))


def test_depth_with_holes_gives_the_authors_hha_of_nyudv2():
    """Elsewhere at most 1 apart, but for squares whose measured pixels lie in a line: there theirs is any angle."""
    depth_m, raw, theirs = (read_real(f"nyud5001_{name}") for name in ("depth_mm", "rawdepth_mm", "authors_hha"))
    ours = hha.encode(depth_m / 1000, NYUD_CAMERA.crop(left=40, top=45), measured=raw)
    apart = abs(ours.astype(int) - theirs)
    assert apart[..., 0].max() == 0
    assert apart[..., 1].max() <= 1
    assert apart[..., 2].mean() < 0.2
    assert (ours[..., 2][apart[..., 2] > 2] == 218).all()
    assert (ours[..., 2][theirs[..., 2] == 218] == 218).all()
    assert (apart[..., 2] > 2).mean() < 0.0025


# ---- missing depth


def test_the_angle_is_218_where_no_plane_is_found():
    """MATLAB's max(-1, NaN) is -1, and its arccosine 180 degrees."""
    measured = np.ones((60, 80), bool)
    measured[20:40, 30:50] = False
    encoded = hha.encode(np.full((60, 80), 2.0), CAMERA, measured)
    inner = np.s_[23:37, 33:47, 2]  # squares of 7 x 7 pixels without a measured one
    assert (encoded[inner] == 218).all()
    assert (encoded[..., 2][measured] == 128).all()


@pytest.mark.parametrize("hole", [0.0, -1.0, np.nan, np.inf])
def test_holes_take_the_nearest_depth_and_no_part_in_planes(hole: float):
    depth, _, _ = seen([((0, 0.3, 1), 2.0)])
    with_holes = depth.copy()
    with_holes[40:44, 50:60] = hole
    filled, whole = hha.encode(with_holes, CAMERA), hha.encode(depth, CAMERA)
    np.testing.assert_array_equal(filled[..., 2], whole[..., 2])
    assert abs(filled.astype(int) - whole).max() <= 3
    assert (filled[41, 50, 0] == filled[41, 49, 0]).all()


def test_holes_are_zero_where_that_is_asked_for():
    depth, _, _ = seen([FLOOR], pitch=40)
    depth[10:20, 10:20] = 0
    encoded = hha.encode(depth, CAMERA, holes="zero")
    assert not encoded[10:20, 10:20].any()
    assert (encoded[..., 2] == 38).sum() == H * W - 100


def test_holes_can_be_refused():
    depth = np.ones((H, W))
    hha.encode(depth, CAMERA, holes="refuse")
    depth[3, 4:6] = 0
    with pytest.raises(DataError, match=f"got 2 of {H * W} pixels without a depth; expected filled holes"):
        hha.encode(depth, CAMERA, holes="refuse")


def test_filled_in_depth_stays_out_of_planes():
    depth, _, _ = seen([FLOOR], pitch=40)
    measured = np.ones(depth.shape, bool)
    measured[30:40, 30:40] = False
    wrong = depth.copy()
    wrong[30:40, 30:40] *= np.linspace(0.9, 1.0, 100).reshape(10, 10)
    encoded = hha.encode(wrong, CAMERA, measured)
    outside = np.ones(depth.shape, bool)
    outside[30:40, 30:40] = False
    assert (encoded[outside][:, 2] == 38).all()
    assert (encoded[30:40, 30:40, 0] == np.floor(np.clip(310 / wrong[30:40, 30:40], 0, 255) + 0.5)).all()


def test_refuses_a_picture_without_any_depth():
    with pytest.raises(DataError, match="got 128 x 96 pixels without any depth"):
        hha.encode(np.zeros((H, W)), CAMERA)


@pytest.mark.parametrize("shape, measured", [((3, 4, 1), None), ((3,), None), ((3, 4), (4, 3))])
def test_refuses_arrays_of_other_shapes(shape, measured):
    with pytest.raises(ValueError, match=r"got depth of shape .*; expected \(H, W\) for both"):
        hha.encode(np.ones(shape), CAMERA, None if measured is None else np.ones(measured))


def test_refuses_an_unknown_way_with_holes():
    with pytest.raises(ValueError, match="got holes='inpaint'; expected one of nearest, zero, refuse"):
        hha.encode(np.ones((3, 4)), CAMERA, holes="inpaint")
