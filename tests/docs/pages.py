"""The commands, paths and names that the pages show, and a folder to run the commands in."""

import importlib
import re
import shlex
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from fcn_repro.drawing.palette import save_label
from fcn_repro.engine import caffe
from fcn_repro.model import surgery
from fcn_repro.model.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "tests/README.md", *ROOT.glob("data/**/README.md"),
     *ROOT.glob("docs/*.md")]
)  # fmt: skip
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
PATH = re.compile(
    r"(?<![\w/.<>-])(?<!make )(?:fcn_repro|nets|solvers|tools|tests|docs)/[\w./*{},-]*[\w/*}]|`(data/[\w./*{},-]+)`"
)
NAME = re.compile(r"(?<![\w/.-])(?:fcn_repro|nets|solvers|tools|tests)(?:\.[A-Za-z_]\w*)+(?![\w/]|\.\w)")


@dataclass(frozen=True)
class Command:
    """A line of a page. `needs` is the bracket after it: a command with needs is checked but not run."""

    page: str
    text: str
    needs: str

    @property
    def words(self) -> list[str]:
        """Its words without leading variable assignments."""
        words = shlex.split(self.text)
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        return words


def read_page(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def find_blocks(language: str) -> list[tuple[str, str]]:
    """All code blocks in a language, each with its page."""
    found = [(page, match) for page in PAGES for match in BLOCK.findall(read_page(page))]
    return [(str(page.relative_to(ROOT)), body) for page, (tag, body) in found if tag == language]


def find_commands() -> list[Command]:
    """All lines of sh blocks."""
    found = []
    for page, body in find_blocks("sh"):
        for line in filter(None, map(str.strip, body.splitlines())):
            text, _, comment = line.partition(" #")
            needs = re.match(r"\s*\((.+?)\)", comment)
            found.append(Command(page, text.strip(), needs.group(1) if needs else ""))
    return found


def find_paths(text: str) -> list[str]:
    """The repository paths that a text names, with braces expanded."""
    return [path for match in PATH.finditer(text) for path in expand_braces(match[1] or match[0])]


def expand_braces(pattern: str) -> list[str]:
    """The alternatives of `a{b,c}d`."""
    parts = [part.split(",") if index % 2 else [part] for index, part in enumerate(re.split(r"[{}]", pattern))]
    return ["".join(words) for words in product(*parts)]


def find_names(text: str) -> list[str]:
    """The dotted names of this project's modules and attributes in a text."""
    return NAME.findall(text)


def resolve(name: str) -> object:
    """The module or attribute of a dotted name.

    Raises   ImportError, AttributeError
    """
    module, attributes = name, []
    while True:
        try:
            found: object = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, attribute = module.rpartition(".")
            attributes.insert(0, attribute)
            if not module:
                raise
    for attribute in attributes:
        found = getattr(found, attribute)
    return found


def make_place(place: Path) -> None:
    """Fill a folder with everything that the commands use: a clone, images, a data set and a script."""
    for name in ("fcn_repro", "nets", "solvers", "tools", "tests", "Makefile", "pyproject.toml", "constraints.txt"):
        (place / name).symlink_to(ROOT / name)
    (place / ".venv").symlink_to(sys.prefix)
    (place / "data").mkdir()
    for path in [*ROOT.glob("data/*.csv"), ROOT / "data/paper"]:
        (place / "data" / path.name).symlink_to(path)
    random = np.random.default_rng(0)
    images = ["street.jpg", "holidays/sea.jpg", "more/a/hill.png", *(f"photos/images/{i}.jpg" for i in range(6))]
    for name in images:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(place / name)
    for i in range(6):
        save_label(place / f"photos/labels/{i}.png", random.integers(0, 2, (40, 50)))
    (place / "photos/classes.txt").write_text("ground\ncow\n")
    (place / "solve.py").write_text("import caffe\nprint(caffe.layers.ReLU().fn.type_name)\n")


def write_weights(folder: RunFolder) -> None:
    """Write random final weights for an emitted net."""
    net = caffe.Net(str(folder.deploy), caffe.TEST)
    random = np.random.default_rng(0)
    for blobs in net.params.values():
        blobs[0].data[...] = random.normal(0, 0.1, blobs[0].data.shape)
    surgery.save(net, folder.final)
