"""A user's folder of images and label maps."""

import os
from pathlib import Path

import pytest

PLAIN = ("images", "labels", "")


@pytest.fixture
def make(tmp_path):
    """Makes files by name; "=" sets their content, and equal content is the same image."""

    def make(parts=PLAIN, images=(), labels=None, train=None, val=None):
        root = tmp_path / "set"
        for folder, files in ((parts[0], images), (parts[1], images if labels is None else labels)):
            (root / folder).mkdir(parents=True)
            for name in files:
                name, _, content = name.partition("=")
                path = root / folder / (name if folder == parts[0] or labels is not None else with_png(name))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(os.fsencode(content or name))
        (root / parts[2]).mkdir(parents=True, exist_ok=True)
        for split, lines in (("train", train), ("val", val)):
            if lines is not None:
                (root / parts[2] / f"{split}.txt").write_text("".join(f"{line}\n" for line in lines))
        return root

    return make


def with_png(name: str) -> str:
    return Path(name).with_suffix(".png").as_posix()
