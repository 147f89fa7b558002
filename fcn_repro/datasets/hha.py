"""HHA: depth as three channels that a net for photographs can start from.

Channels (of the file, R G B, in this order)
    disparity   31000 / depth in cm, depths below 100 cm counting as 100: 255 up to 1.2 m, 31 at 10 m
    height      cm above the lowest point of the scene, 255 at 2.55 m and above it
    angle       degrees between gravity and the surface's normal, plus 38: 38 floor, 128 wall, 218 ceiling

Geometry    x points right, y down, z forward, from the camera. Normals are those of planes fitted to squares of pixels;
            gravity is the direction that most normals are parallel or at right angles to, found from "down".
Missing     A depth that is zero, negative, infinite or NaN is a hole, and no plane is fitted to it. What is written
            into holes is the caller's choice: see `HOLES`. Where somebody has filled holes already, `measured` says
            which: those pixels are encoded like others, and stay out of the planes.
Not run     on NYUDv2 itself, which cannot be had here: neither its pictures nor Gupta's have been compared with these.
            What is tested is rooms made of planes, whose three channels are known.
Differs     Gupta's program writes into pixels without a depth what follows from depth 0: disparity 255, and the height
            of the camera. Where all normals leave gravity free to turn, as those of a single wall do, it takes any
            direction; this takes the one next to its last estimate. It lets gravity that is within 0.1 degrees of the
            camera's "down" be that for heights.
Source      Gupta, Girshick, Arbelaez and Malik, ECCV 2014, section 3, and the constants of its code, rcnn-depth;
            gravity: Gupta, Arbelaez and Malik, CVPR 2013, section 3.1
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from fcn_repro.errors import DataError

DISPARITY, NEAREST_CM = 31000.0, 100.0
ANGLE_OFFSET = 128.0 - 90.0
# Where nothing lies 90 cm below the camera no floor is in sight: the camera is then taken to be at 130 cm.
FLOOR_CM, CAMERA_CM = 90.0, 130.0
FINE_PX, COARSE_PX = 3, 10  # half the side of the squares that planes are fitted to: for the angle; for gravity
GRAVITY_STEPS = (*[45.0] * 5, *[15.0] * 5)  # degrees within which a normal counts as parallel, or at right angles
TIE = 1e-6  # how much the last estimate of gravity weighs beside all normals

HOLES = {
    "nearest": "what the nearest pixel with a depth has",
    "zero": "0 in all three channels",
    "refuse": "nothing: depth with holes is an error",
}


@dataclass(frozen=True)
class Camera:
    """A pinhole: focal lengths and principal point in pixels, the centre of the first pixel being (0, 0)."""

    fx: float
    fy: float
    cx: float
    cy: float

    def cropped(self, left: int, top: int) -> Camera:
        """The camera of a picture without its first columns and rows."""
        return replace(self, cx=self.cx - left, cy=self.cy - top)


# Of 640 x 480 pixels. The toolbox of NYUDv2 counts them from 1.
NYUD_CAMERA = Camera(518.85790117450188, 519.46961112127485, 325.58244941119034 - 1, 253.73616633400465 - 1)


def encode(
    depth_m: np.ndarray, camera: Camera, measured: np.ndarray | None = None, holes: str = "nearest"
) -> np.ndarray:
    """Depth in metres, (H, W), as HHA, (H, W, 3) uint8.

    Parameters
        measured   (H, W), false where a depth was filled in; None: wherever there is one
        holes      a key of `HOLES`
    Raises   ValueError for arrays that are not (H, W) and for unknown `holes`; DataError when there is no depth at all,
             or a hole that is refused
    """
    present = _present(depth_m, measured, holes)
    depth_cm = 100 * _filled(depth_m, present)
    measured = present if measured is None else present & (np.asarray(measured) != 0)
    gravity = estimate_gravity(normals(depth_cm, camera, measured, COARSE_PX))
    channels = (
        DISPARITY / np.maximum(depth_cm, NEAREST_CM),
        height_cm(depth_cm, camera, gravity, present),
        angle_degrees(normals(depth_cm, camera, measured, FINE_PX), gravity) + ANGLE_OFFSET,
    )
    hha = _to_uint8(np.stack(channels, axis=-1))
    return hha if holes == "nearest" else hha * present[..., np.newaxis]


def rays(hw: tuple[int, ...], camera: Camera) -> np.ndarray:
    """The point at depth 1 that each pixel sees: (H, W, 3)."""
    y, x = np.mgrid[: hw[0], : hw[1]].astype(float)
    return np.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, np.ones(hw)], axis=-1)


def normals(depth: np.ndarray, camera: Camera, measured: np.ndarray, radius_px: int) -> np.ndarray:
    """Unit normals of the planes that fit best around each pixel, pointing away from the camera: (H, W, 3).

    On a plane, one over depth is an affine function of the pixel's place: 1 / z = a x + b y + c. Least squares over
    the measured pixels of a square give a, b and c; then (a fx, b fy, a cx + b cy + c) is normal to the plane.
    Where these pixels are fewer than three, or in one line, there is no plane: NaN.
    """
    y, x = np.mgrid[: depth.shape[0], : depth.shape[1]].astype(float)
    inverse = np.where(measured, 1 / depth, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = _box(measured, radius_px)

        def mean(values: np.ndarray) -> np.ndarray:
            return _box(np.where(measured, values, 0), radius_px) / count

        mean_x, mean_y, mean_inverse = mean(x), mean(y), mean(inverse)
        xx, xy, yy = mean(x * x) - mean_x**2, mean(x * y) - mean_x * mean_y, mean(y * y) - mean_y**2
        xi, yi = mean(x * inverse) - mean_x * mean_inverse, mean(y * inverse) - mean_y * mean_inverse
        determinant = xx * yy - xy**2
        determinant[~(determinant > 1e-6)] = np.nan  # of whole pixels in a line it is zero, else not far from one
        a, b = (yy * xi - xy * yi) / determinant, (xx * yi - xy * xi) / determinant
        c = mean_inverse - a * mean_x - b * mean_y
        normal = np.stack([a * camera.fx, b * camera.fy, a * camera.cx + b * camera.cy + c], axis=-1)
        away = np.where(a * x + b * y + c < 0, -1, 1)
        return normal * (away / np.linalg.norm(normal, axis=-1))[..., np.newaxis]


def estimate_gravity(normals_hw3: np.ndarray) -> np.ndarray:
    """The unit vector, near (0, 1, 0), that most normals are parallel or at right angles to; NaN normals are ignored.

    In each step the normals within some degrees of either are gathered, and the direction is found that makes the sum
    of sin^2 to the parallel and cos^2 to the others least: an eigenvector of the least eigenvalue.
    """
    found = normals_hw3[np.isfinite(normals_hw3).all(axis=-1)]
    gravity = np.array([0.0, 1.0, 0.0])
    for threshold in np.radians(GRAVITY_STEPS):
        cosine = abs(found @ gravity)
        parallel, upright = found[cosine > np.cos(threshold)], found[cosine < np.sin(threshold)]
        last = TIE * max(len(found), 1) * np.outer(gravity, gravity)
        _, vectors = np.linalg.eigh(upright.T @ upright - parallel.T @ parallel - last)
        gravity = vectors[:, 0] * (1 if vectors[:, 0] @ gravity >= 0 else -1)
    return gravity


def height_cm(depth_cm: np.ndarray, camera: Camera, gravity: np.ndarray, present: np.ndarray) -> np.ndarray:
    """How far each pixel's point is above the lowest of those present, (H, W)."""
    above_camera = -depth_cm * (rays(depth_cm.shape, camera) @ gravity)
    lowest = above_camera[present].min()
    return above_camera - (lowest if lowest <= -FLOOR_CM else -CAMERA_CM)


def angle_degrees(normals_hw3: np.ndarray, gravity: np.ndarray) -> np.ndarray:
    """The angle between normals and gravity, (H, W): 0 floor, 90 wall, 180 ceiling, NaN without a normal."""
    return np.degrees(np.arccos(np.clip(normals_hw3 @ gravity, -1, 1)))


def _present(depth_m: np.ndarray, measured: np.ndarray | None, holes: str) -> np.ndarray:
    """Where there is a depth; refused if there is none, or if that is not everywhere and has to be."""
    if depth_m.ndim != 2 or (measured is not None and np.shape(measured) != depth_m.shape):
        shapes = f"depth of shape {depth_m.shape}" + ("" if measured is None else f", measured {np.shape(measured)}")
        raise ValueError(f"{shapes}; expected two axes, height and width, and the same for both")
    if holes not in HOLES:
        raise ValueError(f"holes={holes!r}; expected one of {', '.join(HOLES)}")
    present = np.isfinite(depth_m) & (np.nan_to_num(depth_m) > 0)
    missing = present.size - np.count_nonzero(present)
    if missing == present.size:
        raise DataError(f"{depth_m.shape[1]} x {depth_m.shape[0]} pixels, none with a depth above 0")
    if missing and holes == "refuse":
        raise DataError(f"{missing} of {present.size} pixels have no depth; expected its holes filled")
    return present


def _filled(depth: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Depth with the nearest present one in every hole."""
    if present.all():
        return depth.astype(float)
    y, x = ndimage.distance_transform_edt(~present, return_distances=False, return_indices=True)
    return depth[y, x].astype(float)


def _box(values: np.ndarray, radius_px: int) -> np.ndarray:
    """The sum over a square around each pixel; there is nothing beyond the border."""
    ones = np.ones(2 * radius_px + 1)
    rows = ndimage.convolve1d(values.astype(float), ones, axis=0, mode="constant")
    return ndimage.convolve1d(rows, ones, axis=1, mode="constant")


def _to_uint8(values: np.ndarray) -> np.ndarray:
    """As MATLAB's uint8: rounded, halves up, held to 0-255, and 0 for NaN."""
    return np.floor(np.clip(np.nan_to_num(values), 0, 255) + 0.5).astype(np.uint8)
