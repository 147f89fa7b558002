"""HHA: encode depth as three channels for nets that were trained on colour images.

Channels (R G B of the file)
    disparity   31000 / depth in cm; depths below 100 cm count as 100: 255 up to 1.2 m, 31 at 10 m
    height      cm above the lowest point of the scene, 255 at 2.55 m and above
    angle       degrees between gravity and the surface normal, plus 38: 38 floor, 128 wall, 218 ceiling, and 218 where
                no plane is found

Geometry    x points right, y down, z forward from the camera. Normals come from planes fitted to squares of pixels.
            Gravity is the direction parallel or perpendicular to most normals; the search starts at "down".
Missing     A depth of zero, below zero, infinity or NaN is a hole, which planes ignore. `HOLES` lists the values that
            may fill it. `measured` marks holes that are already filled: they get an encoding, but planes ignore them.
Checked     Depth alone: equal to the output of Gupta's program in MATLAB in all 640 x 480 x 3 values of one image. With
            raw depth: NYUDv2's image 5001 differs from the authors' HHA by 0.07 grey levels on average, 0.2 in the
            angle. Where the 1 to 7 measured pixels of a square lie in a line, their program inverts a matrix that is
            singular up to rounding, and gives any angle: 532 of 238,000 pixels.
Differs     Gupta's program encodes holes as depth 0: disparity 255, and the height of the camera. If the normals do
            not determine gravity, as for a single wall, it takes any direction; this code takes the one nearest to its
            last estimate. Gupta's heights replace a gravity within 0.1 degrees of "down" by "down".
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
# Without a point 90 cm below the camera no floor is visible; the camera height is then assumed to be 130 cm.
FLOOR_CM, CAMERA_CM = 90.0, 130.0
FINE_PX, COARSE_PX = 3, 10  # half the side of the fitted squares: for the angle, for gravity
GRAVITY_STEPS = (*[45.0] * 5, *[15.0] * 5)  # degrees of tolerance for parallel and perpendicular normals
PRIOR = 1e-6  # weight of the last estimate of gravity, relative to all normals

HOLES = {
    "nearest": "the depth of the nearest pixel without a hole",
    "zero": "0 in all three channels",
    "refuse": "none: depth with holes is an error",
}


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: focal lengths and principal point in pixels; (0, 0) is the first pixel's centre."""

    fx: float
    fy: float
    cx: float
    cy: float

    def crop(self, left: int, top: int) -> Camera:
        """The camera of an image without its first columns and rows."""
        return replace(self, cx=self.cx - left, cy=self.cy - top)


# For 640 x 480 pixels. The toolbox of NYUDv2 counts pixels from 1.
NYUD_CAMERA = Camera(518.85790117450188, 519.46961112127485, 325.58244941119034 - 1, 253.73616633400465 - 1)


def encode(
    depth_m: np.ndarray, camera: Camera, measured: np.ndarray | None = None, holes: str = "nearest"
) -> np.ndarray:
    """Encode depth in metres, (H, W), as HHA, (H, W, 3) uint8.

    Parameters
        measured   (H, W), false where the depth was filled in; None: true wherever there is a depth
        holes      a key of `HOLES`
    Raises   ValueError for wrong shapes and unknown `holes`; DataError without any depth, and for refused holes
    """
    present = _find_present(depth_m, measured, holes)
    depth_cm = 100 * _fill(depth_m, present)
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
    """The point at depth 1 on each pixel's ray: (H, W, 3)."""
    y, x = np.mgrid[: hw[0], : hw[1]].astype(float)
    return np.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, np.ones(hw)], axis=-1)


def normals(depth: np.ndarray, camera: Camera, measured: np.ndarray, radius_px: int) -> np.ndarray:
    """Unit normals of the best-fitting planes around each pixel, pointing away from the camera: (H, W, 3).

    On a plane, inverse depth is an affine function of the pixel position: 1 / z = a x + b y + c. Least squares over
    the measured pixels of a square yields a, b and c; then (a fx, b fy, a cx + b cy + c) is normal to the plane.
    Fewer than three pixels, or pixels in a line, define no plane: NaN.
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
        determinant[~(determinant > 1e-6)] = np.nan  # 0 for pixels in a line, else near 1
        a, b = (yy * xi - xy * yi) / determinant, (xx * yi - xy * xi) / determinant
        c = mean_inverse - a * mean_x - b * mean_y
        normal = np.stack([a * camera.fx, b * camera.fy, a * camera.cx + b * camera.cy + c], axis=-1)
        away = np.where(a * x + b * y + c < 0, -1, 1)
        return normal * (away / np.linalg.norm(normal, axis=-1))[..., np.newaxis]


def estimate_gravity(normals_hw3: np.ndarray) -> np.ndarray:
    """The unit vector, near (0, 1, 0), parallel or perpendicular to most normals; NaN normals are ignored.

    Each step selects the normals that are parallel or perpendicular within a tolerance, and minimises the sum of
    sin^2 to the parallel and cos^2 to the perpendicular ones: an eigenvector of the smallest eigenvalue.
    """
    found = normals_hw3[np.isfinite(normals_hw3).all(axis=-1)]
    gravity = np.array([0.0, 1.0, 0.0])
    for threshold in np.radians(GRAVITY_STEPS):
        cosine = abs(found @ gravity)
        parallel, upright = found[cosine > np.cos(threshold)], found[cosine < np.sin(threshold)]
        last = PRIOR * max(len(found), 1) * np.outer(gravity, gravity)
        _, vectors = np.linalg.eigh(upright.T @ upright - parallel.T @ parallel - last)
        gravity = vectors[:, 0] * (1 if vectors[:, 0] @ gravity >= 0 else -1)
    return gravity


def height_cm(depth_cm: np.ndarray, camera: Camera, gravity: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The height of each pixel's point above the lowest one present, (H, W)."""
    above_camera = -depth_cm * (rays(depth_cm.shape, camera) @ gravity)
    lowest = above_camera[present].min()
    return above_camera - (lowest if lowest <= -FLOOR_CM else -CAMERA_CM)


def angle_degrees(normals_hw3: np.ndarray, gravity: np.ndarray) -> np.ndarray:
    """The angle between normals and gravity, (H, W): 0 floor, 90 wall, 180 ceiling, and 180 without a normal.

    Gupta's program limits the cosine from below by MATLAB's max(-1, NaN), which is -1.
    """
    return np.degrees(np.arccos(np.clip(np.nan_to_num(normals_hw3 @ gravity, nan=-1.0), -1, 1)))


def _find_present(depth_m: np.ndarray, measured: np.ndarray | None, holes: str) -> np.ndarray:
    """A mask of the pixels with a depth. Checks the arguments of `encode`."""
    if depth_m.ndim != 2 or (measured is not None and np.shape(measured) != depth_m.shape):
        shapes = f"depth of shape {depth_m.shape}" + ("" if measured is None else f", measured {np.shape(measured)}")
        raise ValueError(f"got {shapes}; expected (H, W) for both")
    if holes not in HOLES:
        raise ValueError(f"got holes={holes!r}; expected one of {', '.join(HOLES)}")
    present = np.isfinite(depth_m) & (np.nan_to_num(depth_m) > 0)
    missing = present.size - np.count_nonzero(present)
    if missing == present.size:
        raise DataError(
            f"got {depth_m.shape[1]} x {depth_m.shape[0]} pixels without any depth; expected depths above 0"
        )
    if missing and holes == "refuse":
        raise DataError(f"got {missing} of {present.size} pixels without a depth; expected filled holes")
    return present


def _fill(depth: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Fill holes with the nearest depth."""
    if present.all():
        return depth.astype(float)
    y, x = ndimage.distance_transform_edt(~present, return_distances=False, return_indices=True)
    return depth[y, x].astype(float)


def _box(values: np.ndarray, radius_px: int) -> np.ndarray:
    """The sum over a square around each pixel, zero beyond the border."""
    ones = np.ones(2 * radius_px + 1)
    rows = ndimage.convolve1d(values.astype(float), ones, axis=0, mode="constant")
    return ndimage.convolve1d(rows, ones, axis=1, mode="constant")


def _to_uint8(values: np.ndarray) -> np.ndarray:
    """MATLAB's uint8: round halves up, clip to 0-255, NaN to 0."""
    return np.floor(np.clip(np.nan_to_num(values), 0, 255) + 0.5).astype(np.uint8)
