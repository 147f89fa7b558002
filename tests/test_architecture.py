"""Who may import whom: the picture in README.md, as code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGINE = "fcn_repro/caffe/"
WITHOUT_TORCH = ("fcn_repro/caffe/proto/", "fcn_repro/caffe/net_spec.py", "fcn_repro/caffe/coord_map.py")
STATE_DICTS = "fcn_repro/model/exchange/torch_files.py"  # torch's own file format, which only torch reads safely
BELOW_ALL = (
    "fcn_repro.system.atomic_write",
    "fcn_repro.system.untrusted_files",
    "fcn_repro.system.memory",
)  # files, written and read, and memory
TOPS = ("fcn_repro", "nets", "solvers", "tools")
FILES = sorted(str(path.relative_to(ROOT)) for top in TOPS for path in (ROOT / top).rglob("*.py"))


def imports(file: str) -> set[str]:
    """The modules a file names in import statements, those for the type checker alone left out."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for_types = {id(node) for branch in ast.walk(tree) if _is_for_types(branch) for node in ast.walk(branch)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def within(modules: set[str], *packages: str) -> set[str]:
    return {module for module in modules if any(f"{module}.".startswith(f"{package}.") for package in packages)}


@pytest.mark.parametrize("file", [f for f in FILES if not f.startswith(ENGINE) or f.startswith(WITHOUT_TORCH)])
def test_torch_stays_inside_the_engine_but_for_its_own_files(file):
    assert file == STATE_DICTS or not within(imports(file), "torch")


@pytest.mark.parametrize("file", [f for f in FILES if not f.startswith(ENGINE)])
def test_the_engine_is_reached_through_engine_py_alone(file):
    assert not within(imports(file), "fcn_repro.caffe", "caffe")


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith(ENGINE)])
def test_the_engine_knows_nothing_above_it(file):
    above = {m for m in within(imports(file), "fcn_repro") if not within({m}, "fcn_repro.caffe", *BELOW_ALL)}
    assert not above and not within(imports(file), "nets", "solvers", "tools")


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith(("nets/", "solvers/"))])
def test_nets_and_solvers_meet_the_rest_on_disk(file):
    other = "solvers" if file.startswith("nets/") else "nets"
    reached = within(imports(file), "fcn_repro", other, "tools")
    assert reached == within(reached, "fcn_repro.engine", "fcn_repro.datasets.user.registry")


@pytest.mark.parametrize("file", [f for f in FILES if not f.startswith("tools/")])
def test_nothing_imports_a_program(file):
    assert not within(imports(file), "tools")


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith("fcn_repro/")])
def test_the_library_knows_neither_nets_nor_the_table_of_runs(file):
    assert not within(imports(file), "nets", "solvers")
