"""Scenes out of silhouettes: textured ground, and on it animals that are scaled, turned, coloured, and overlap.

Where an animal is drawn is where it is labelled, so label maps are exact. A seed makes the same scene everywhere: the
draws are those of numpy's RandomState, which never changes.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

SIDE = 160  # pixels
ANIMALS = (2, 4)  # how many, the least and the most
LENGTH = (75.0, 125.0)  # of an animal's longer side, in pixels
TURN = 0.35  # at most, in radians
PLACE = (0.15, 0.85)  # where centres lie, as parts of the side
OUTLINE = 0.15  # an animal is where its bitmap, enlarged, is brighter than this part of white
SHADE = 0.3  # how bright the darkest part of a coat stays
VISIBLE = 0.6  # a window shows an animal of which at least this part is not hidden
CLEAR = 14  # a window of ground has nothing else within so many pixels of its centre

GROUND_RGB = ((40, 120), (80, 165), (20, 90))  # from ... to: grass
GROUND_TEXTURE, COAT_TEXTURE = (40, 25, 20), (15, 15, 15)  # amplitudes of coarse, middle and fine grain
GRAINS = (4, 10, 32)  # cells across the scene
COATS_RGB = {
    "bird": (90, 120, 200),
    "cat": (225, 140, 70),
    "elephant": (140, 140, 150),
    "giraffe": (225, 195, 100),
    "horse": (120, 70, 40),
    "zebra": (200, 200, 200),
}
COAT_BRIGHTNESS, COAT_SPREAD = (0.8, 1.15), 12  # coats differ from animal to animal


class Window(NamedTuple):
    """What is at a point: the label of an animal, or 0 for ground."""

    label: int
    x: int
    y: int


class Scene(NamedTuple):
    """image (SIDE, SIDE, 3) uint8, R G B; label and instance (SIDE, SIDE) uint8, 0 for ground."""

    image_rgb: np.ndarray
    label_hw: np.ndarray
    instance_hw: np.ndarray
    windows: Sequence[Window]


def compose(random: np.random.RandomState, kinds: Sequence[str], bitmaps: Sequence[np.ndarray]) -> Scene:
    """A scene of animals drawn from `bitmaps`, (N, 28, 28) for each of `kinds`; the first kind has label 1."""
    canvas = _ground(random)
    label_hw, instance_hw = np.zeros((2, SIDE, SIDE), np.uint8)
    drawn = [0]
    for instance in range(1, 1 + random.randint(ANIMALS[0], ANIMALS[1] + 1)):
        label = random.randint(1, len(kinds) + 1)
        choice = bitmaps[label - 1]
        opacity = _place(random, choice[random.randint(len(choice))])
        mask = opacity > OUTLINE
        shade = np.clip(SHADE + opacity, 0, 1)[..., np.newaxis]
        canvas[mask] = (shade * _coat(random, kinds[label - 1]))[mask]
        label_hw[mask], instance_hw[mask] = label, instance
        drawn.append(int(mask.sum()))
    image_rgb = np.clip(np.round(canvas), 0, 255).astype(np.uint8)
    return Scene(image_rgb, label_hw, instance_hw, [*_animals(label_hw, instance_hw, drawn), *_bare(random, label_hw)])


def contours(instance_hw: np.ndarray) -> np.ndarray:
    """Where pixels border on another instance, or on ground: a line two pixels wide, as a mask."""
    return ndimage.grey_dilation(instance_hw, (3, 3)) != ndimage.grey_erosion(instance_hw, (3, 3))


def _ground(random: np.random.RandomState) -> np.ndarray:
    colour = [random.uniform(*span) for span in GROUND_RGB]
    return colour + _texture(random, GROUND_TEXTURE)


def _coat(random: np.random.RandomState, kind: str) -> np.ndarray:
    colour = np.array(COATS_RGB[kind]) * random.uniform(*COAT_BRIGHTNESS) + random.normal(0, COAT_SPREAD, 3)
    return colour + _texture(random, COAT_TEXTURE)


def _texture(random: np.random.RandomState, amplitudes: Sequence[float]) -> np.ndarray:
    """Smooth noise of several grains, more in brightness than in colour: (SIDE, SIDE, 3) around zero."""
    texture = np.zeros((SIDE, SIDE, 3), np.float32)
    for amplitude, cells in zip(amplitudes, GRAINS):
        grain = random.uniform(-1, 1, (cells, cells, 1)) + random.uniform(-0.5, 0.5, (cells, cells, 3))
        for channel in range(3):
            plane = Image.fromarray((amplitude * grain[..., channel]).astype(np.float32))
            texture[..., channel] += np.asarray(plane.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return texture


def _place(random: np.random.RandomState, bitmap: np.ndarray) -> np.ndarray:
    """A bitmap enlarged, turned, perhaps mirrored, and put somewhere: (SIDE, SIDE) from 0 to 1."""
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


def _animals(label_hw: np.ndarray, instance_hw: np.ndarray, drawn: Sequence[int]) -> list[Window]:
    """A window in the middle of every animal that is hidden little; `drawn` pixels are those it would show alone."""
    windows = []
    for instance in range(1, len(drawn)):
        ys, xs = np.nonzero(instance_hw == instance)
        if len(ys) and len(ys) >= VISIBLE * drawn[instance]:
            label = int(label_hw[ys[0], xs[0]])
            windows.append(Window(label, int(xs.min() + xs.max()) // 2, int(ys.min() + ys.max()) // 2))
    return windows


def _bare(random: np.random.RandomState, label_hw: np.ndarray) -> list[Window]:
    """A window on ground with no animal near, if twenty tries find a place."""
    for x, y in random.randint(CLEAR, SIDE - CLEAR, (20, 2)):
        if not label_hw[y - CLEAR : y + CLEAR + 1, x - CLEAR : x + CLEAR + 1].any():
            return [Window(0, int(x), int(y))]
    return []
