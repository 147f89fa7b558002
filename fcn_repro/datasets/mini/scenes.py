"""Compose scenes from silhouettes: scaled, rotated, coloured and overlapping animals on textured ground.

Label maps are exact, since drawing an animal also labels it. A seed gives the same scene everywhere, because numpy's
RandomState never changes.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

SIDE = 160  # pixels
ANIMALS = (2, 4)  # minimum and maximum number
LENGTH = (75.0, 125.0)  # of an animal's longer side, in pixels
TURN = 0.35  # maximum rotation in radians
PLACE = (0.15, 0.85)  # range of centres, as parts of the side
OUTLINE = 0.15  # an animal covers the pixels where its enlarged bitmap exceeds this part of white
SHADE = 0.3  # brightness of the darkest part of a coat
VISIBLE = 0.6  # minimum visible part of an animal for a window
CLEAR = 14  # a window of ground has only ground within this distance of its centre, in pixels

GROUND_RGB = ((40, 120), (80, 165), (20, 90))  # ranges of grass colours
GROUND_TEXTURE, COAT_TEXTURE = (40, 25, 20), (15, 15, 15)  # amplitudes of coarse, medium and fine grain
GRAINS = (4, 10, 32)  # cells across the scene
COATS_RGB = {
    "bird": (90, 120, 200),
    "cat": (225, 140, 70),
    "elephant": (140, 140, 150),
    "giraffe": (225, 195, 100),
    "horse": (120, 70, 40),
    "zebra": (200, 200, 200),
}
COAT_BRIGHTNESS, COAT_SPREAD = (0.8, 1.15), 12  # variation between animals


class Window(NamedTuple):
    """A point and its label, 0 for ground."""

    label: int
    x: int
    y: int


class Scene(NamedTuple):
    """An image (SIDE, SIDE, 3) uint8, R G B; label and instance maps (SIDE, SIDE) uint8, 0 for ground."""

    image_rgb: np.ndarray
    label_hw: np.ndarray
    instance_hw: np.ndarray
    windows: Sequence[Window]


def compose(random: np.random.RandomState, kinds: Sequence[str], bitmaps: Sequence[np.ndarray]) -> Scene:
    """Compose a scene of animals from `bitmaps`, (N, 28, 28) for each of `kinds`; the first kind has label 1."""
    canvas = _make_ground(random)
    label_hw, instance_hw = np.zeros((2, SIDE, SIDE), np.uint8)
    drawn = [0]
    for instance in range(1, 1 + random.randint(ANIMALS[0], ANIMALS[1] + 1)):
        label = random.randint(1, len(kinds) + 1)
        choice = bitmaps[label - 1]
        opacity = _place(random, choice[random.randint(len(choice))])
        mask = opacity > OUTLINE
        shade = np.clip(SHADE + opacity, 0, 1)[..., np.newaxis]
        canvas[mask] = (shade * _make_coat(random, kinds[label - 1]))[mask]
        label_hw[mask], instance_hw[mask] = label, instance
        drawn.append(int(mask.sum()))
    image_rgb = np.clip(np.round(canvas), 0, 255).astype(np.uint8)
    return Scene(
        image_rgb,
        label_hw,
        instance_hw,
        [*_find_animals(label_hw, instance_hw, drawn), *_find_ground(random, label_hw)],
    )


def find_contours(instance_hw: np.ndarray) -> np.ndarray:
    """A mask of the pixels next to another instance or to ground: lines two pixels wide."""
    return ndimage.grey_dilation(instance_hw, (3, 3)) != ndimage.grey_erosion(instance_hw, (3, 3))


def _make_ground(random: np.random.RandomState) -> np.ndarray:
    colour = [random.uniform(*span) for span in GROUND_RGB]
    return colour + _make_texture(random, GROUND_TEXTURE)


def _make_coat(random: np.random.RandomState, kind: str) -> np.ndarray:
    colour = np.array(COATS_RGB[kind]) * random.uniform(*COAT_BRIGHTNESS) + random.normal(0, COAT_SPREAD, 3)
    return colour + _make_texture(random, COAT_TEXTURE)


def _make_texture(random: np.random.RandomState, amplitudes: Sequence[float]) -> np.ndarray:
    """Smooth zero-mean noise of several grains, stronger in brightness than in colour: (SIDE, SIDE, 3)."""
    texture = np.zeros((SIDE, SIDE, 3), np.float32)
    for amplitude, cells in zip(amplitudes, GRAINS):
        grain = random.uniform(-1, 1, (cells, cells, 1)) + random.uniform(-0.5, 0.5, (cells, cells, 3))
        for channel in range(3):
            plane = Image.fromarray((amplitude * grain[..., channel]).astype(np.float32))
            texture[..., channel] += np.asarray(plane.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return texture


def _place(random: np.random.RandomState, bitmap: np.ndarray) -> np.ndarray:
    """A bitmap at a random scale, rotation, flip and position: (SIDE, SIDE) from 0 to 1."""
    ys, xs = np.nonzero(bitmap > OUTLINE * 255)
    box = np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]])
    turn, mirror = random.uniform(-TURN, TURN), 1 - 2 * random.randint(2)
    scale = (box[1] - box[0]).max() / random.uniform(*LENGTH)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    to_bitmap = np.array([[mirror * cos, mirror * sin], [-sin, cos]])
    offset = box.mean(axis=0) - to_bitmap @ (SIDE * random.uniform(*PLACE, 2))
    coefficients = np.column_stack([to_bitmap, offset]).ravel()
    affine, bicubic = Image.Transform.AFFINE, Image.Resampling.BICUBIC
    placed = Image.fromarray(bitmap).transform((SIDE, SIDE), affine, tuple(coefficients), bicubic)
    return np.asarray(placed, np.float32) / 255


def _find_animals(label_hw: np.ndarray, instance_hw: np.ndarray, drawn: Sequence[int]) -> list[Window]:
    """Windows at the centres of the mostly visible animals; `drawn` counts their pixels without occlusion."""
    windows = []
    for instance in range(1, len(drawn)):
        ys, xs = np.nonzero(instance_hw == instance)
        if len(ys) and len(ys) >= VISIBLE * drawn[instance]:
            label = int(label_hw[ys[0], xs[0]])
            windows.append(Window(label, int(xs.min() + xs.max()) // 2, int(ys.min() + ys.max()) // 2))
    return windows


def _find_ground(random: np.random.RandomState, label_hw: np.ndarray) -> list[Window]:
    """One window of ground far from all animals, if twenty tries find one."""
    for x, y in random.randint(CLEAR, SIDE - CLEAR, (20, 2)):
        if not label_hw[y - CLEAR : y + CLEAR + 1, x - CLEAR : x + CLEAR + 1].any():
            return [Window(0, int(x), int(y))]
    return []
