"""The commands that the pages show, and a place to try them in."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fcn_repro.drawing.palette import save_label
from fcn_repro.engine import caffe
from fcn_repro.model import surgery
from fcn_repro.model.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("data/**/README.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Command:
    """A line of a page. `needs` is what stands in brackets behind it: then it is not run, but must exist."""

    page: str
    text: str
    needs: str

    @property
    def words(self) -> list[str]:
        """The words of it, without variables that are set before it."""
        words = shlex.split(self.text)
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        return words


def blocks(language: str) -> list[tuple[str, str]]:
    """The pages' blocks in a language, each with its page."""
    return [
        (str(page.relative_to(ROOT)), body)
        for page in PAGES
        for found, body in BLOCK.findall(page.read_text(encoding="utf-8"))
        if found == language
    ]


def commands() -> list[Command]:
    """Every line of every block of sh."""
    found = []
    for page, body in blocks("sh"):
        for line in filter(None, map(str.strip, body.splitlines())):
            text, _, comment = line.partition(" #")
            needs = re.match(r"\s*\((.+?)\)", comment)
            found.append(Command(page, text.strip(), needs.group(1) if needs else ""))
    return found


def write_place(place: Path) -> None:
    """What the pages speak of as being there: a clone, photographs, a data set, a script, a net trained a little."""
    for name in ("fcn_repro", "nets", "solvers", "tools", "tests", "Makefile", "pyproject.toml", "constraints.txt"):
        (place / name).symlink_to(ROOT / name)
    (place / ".venv").symlink_to(sys.prefix)
    (place / "data").mkdir()
    for path in [*ROOT.glob("data/*.csv"), ROOT / "data/paper"]:
        (place / "data" / path.name).symlink_to(path)
    random = np.random.default_rng(0)
    photographs = ["street.jpg", "holidays/sea.jpg", "more/a/hill.png", *(f"photos/images/{i}.jpg" for i in range(6))]
    for name in photographs:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(place / name)
    for i in range(6):
        save_label(place / f"photos/labels/{i}.png", random.integers(0, 2, (40, 50)))
    (place / "photos/classes.txt").write_text("ground\ncow\n")
    (place / "solve.py").write_text("import caffe\nprint(caffe.layers.ReLU().fn.type_name)\n")


def write_weights(folder: RunFolder) -> None:
    """Weights for an emitted net, as if it had been trained."""
    net = caffe.Net(str(folder.deploy), caffe.TEST)
    random = np.random.default_rng(0)
    for blobs in net.params.values():
        blobs[0].data[...] = random.normal(0, 0.1, blobs[0].data.shape)
    surgery.save(net, folder.final)
