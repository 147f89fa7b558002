"""Runs scripts by any Python, in a folder of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPTS = Path(__file__).parent
ROOT = SCRIPTS.parent.parent

STEPS = (["net.py"], ["convolutionalise.py"], ["solve.py"], ["infer.py", "data/JPEGImages/c.jpg"])
SIZES = {"a": (40, 48), "b": (33, 41), "c": (36, 36)}  # height, width
CLASSES = 4

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Engine:
    """What stands before a script's name on the command line, and its environment."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, folder: Path, *script: str) -> subprocess.CompletedProcess[str]:
        """Run a script with its arguments in a folder."""
        return subprocess.run(
            [*self.command, *script], cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", **self.environment},
        )  # fmt: skip


OURS = Engine((sys.executable, "-m", "tools.pycaffe"), {"PYTHONPATH": str(ROOT), "GLOG_minloglevel": "2"})


def set_out_fcn(folder: Path) -> None:
    """Make `folder`, with the scripts of fcn/ and a VOC tree to train on."""
    shutil.copytree(SCRIPTS / "fcn", folder, ignore=shutil.ignore_patterns("__pycache__"))
    draw_images(folder / "data")


def run_fcn(folder: Path, engine: Engine) -> str:
    """Generate, convolutionalise, train, score and infer; returns what the scripts of fcn/ printed."""
    set_out_fcn(folder)
    printed = ""
    for step in STEPS:
        done = engine.run(folder, *step)
        assert done.returncode == 0, f"{step[0]}: {done.stderr}"
        printed += done.stdout
    return printed


def draw_images(data: Path) -> None:
    """A VOC tree of three images: squares of three classes on background, below a line of void."""
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (data / name).mkdir(parents=True)
    random = np.random.RandomState(0)
    for name, (height, width) in SIZES.items():
        label = np.zeros((height, width), np.uint8)
        for index in range(1, CLASSES):
            y, x = random.randint(0, height - 12), random.randint(0, width - 12)
            label[y : y + 12, x : x + 12] = index
        image = np.uint8([[30, 30, 30], [220, 40, 40], [40, 220, 40], [40, 40, 220]])[label]
        Image.fromarray(image).save(data / "JPEGImages" / f"{name}.jpg")
        label[0] = 255
        Image.fromarray(label).save(data / "SegmentationClass" / f"{name}.png")
    for split in ("train", "val"):
        (data / "ImageSets/Segmentation" / f"{split}.txt").write_text("a\nb\nc\n")


def numbers(printed: str) -> np.ndarray:
    """All numbers but times, in order."""
    return np.array([float(number) for number in NUMBER.findall(TIMESTAMP.sub("", printed))])
