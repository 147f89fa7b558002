"""The rules of the house: which modules may import which, and what an import may do."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOPS = ("fcn_repro", "nets", "solvers", "tools")
FILES = sorted(str(path.relative_to(ROOT)) for top in TOPS for path in (ROOT / top).rglob("*.py"))
LIBRARY = [file for file in FILES if file.startswith("fcn_repro/")]
ENGINE = [file for file in FILES if file.startswith("fcn_repro/caffe/")]
TABLES = ["solvers/experiments.py", "solvers/studies.py", "solvers/prototxt.py"]
PROGRAM = "tools.program"  # the arguments that programs share
ALIASES = "tools.aliases"  # the programs' old names

# Each layer may import its own and earlier ones. Modules at the root of fcn_repro belong to the first two.
LAYERS = (
    ("layer_params", "errors", "paths", "system", "shim"),
    ("drawing",),
    ("caffe",),
    ("engine", "device", "ranks", "as_caffe"),
    ("datasets",),
    ("model",),
    ("evaluation", "inference"),
    ("training",),
    ("analysis",),
)
SEPARATE = {"evaluation": "inference", "inference": "training"}  # neither knows the other
TORCH_FILES = ("fcn_repro/model/exchange/torch_files.py", "fcn_repro/model/exchange/torch_module.py")
ENGINE_WITHOUT_TORCH = (
    *("fcn_repro/caffe/proto/", "fcn_repro/caffe/net_spec.py", "fcn_repro/caffe/coord_map.py"),
    *("fcn_repro/caffe/crop_offset.py", "fcn_repro/caffe/dialects/"),
)
NO_TORCH = [
    *("fcn_repro", "fcn_repro.layer_params.conv_window", "fcn_repro.device", "fcn_repro.engine", "fcn_repro.errors"),
    *("fcn_repro.layer_params.loss_normalization", "fcn_repro.paths", "fcn_repro.ranks", "fcn_repro.drawing.palette"),
    *("fcn_repro.datasets", "fcn_repro.datasets.data_set", "fcn_repro.datasets.user.registry"),
    *("fcn_repro.evaluation.metrics", "fcn_repro.evaluation.score_report", "fcn_repro.evaluation.class_subsets"),
    *("fcn_repro.model.run_folder", "fcn_repro.model.class_map", "fcn_repro.model.parameter_count"),
    *("fcn_repro.training.train_log", "fcn_repro.training.run_status", "fcn_repro.training.recipe"),
    *("fcn_repro.training.checkpoint_files", "fcn_repro.training.final_weights", "fcn_repro.analysis.paper_tables"),
    *("fcn_repro.analysis.study_results", "fcn_repro.analysis.learning_curves"),
    *("fcn_repro.model.prototxt", "fcn_repro.model.deploy_metadata", "solvers.experiments", "solvers.studies"),
    "tools.program",
]


def module_of(file: str) -> str:
    return file[: -len(".py")].replace("/", ".").removesuffix(".__init__")


MODULES = {module_of(file): file for file in FILES}


@cache
def imports(file: str) -> frozenset[str]:
    """The names in a file's import statements, without those under TYPE_CHECKING."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for_types = {id(node) for branch in ast.walk(tree) if is_for_types(branch) for node in ast.walk(branch)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imported_modules(file: str) -> set[str]:
    """The modules of this project that a file imports."""
    found = {name if name in MODULES else name.rpartition(".")[0] for name in imports(file)}
    return (found & MODULES.keys()) - {module_of(file)}


def within(modules: set[str] | frozenset[str], *packages: str) -> set[str]:
    return {module for module in modules if any(f"{module}.".startswith(f"{package}.") for package in packages)}


def room_of(module: str) -> str:
    return module.split(".")[1] if module.count(".") else ""


# --- direction


@pytest.mark.parametrize("file", [file for file in LIBRARY if room_of(module_of(file)) not in ("", "__main__")])
def test_rooms_import_only_lower_rooms(file):
    order = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
    room = room_of(module_of(file))
    assert room in order, f"{file}: give its room a place in LAYERS"
    others = {room_of(module) for module in within(imported_modules(file), "fcn_repro")} - {""}
    assert not {other for other in others if order[other] > order[room]}
    assert SEPARATE.get(room) not in others and room not in {SEPARATE.get(other) for other in others}


def test_no_modules_import_each_other():
    """No strongly connected component of imports has more than one module."""
    edges = {module: imported_modules(file) for module, file in MODULES.items()}
    reached: dict[str, set[str]] = {}
    for module in edges:
        found, pending = set(), list(edges[module])
        while pending:
            other = pending.pop()
            if other not in found:
                found.add(other)
                pending.extend(edges[other])
        reached[module] = found
    circles = {tuple(sorted(m for m in reached[module] if module in reached[m])) for module in edges} - {()}
    assert not circles


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("fcn_repro/caffe/")])
def test_the_engine_is_imported_only_by_engine_py_and_never_torch_beside_it(file):
    assert not within(imports(file), "fcn_repro.caffe", "caffe")
    assert file in TORCH_FILES or not within(imports(file), "torch")


@pytest.mark.parametrize("file", [file for file in ENGINE if file.startswith(ENGINE_WITHOUT_TORCH)])
def test_the_readers_of_caffes_formats_need_no_torch(file):
    assert not within(imports(file), "torch")


@pytest.mark.parametrize("file", [file for file in ENGINE if file.startswith("fcn_repro/caffe/kernels/")])
def test_kernels_know_no_layers_nets_or_blobs(file):
    above = ("layers", "net", "blob", "solver", "padding_cache", "proto")
    assert not within(imports(file), *(f"fcn_repro.caffe.{name}" for name in above))


@pytest.mark.parametrize("file", [f for f in ENGINE if not f.startswith("fcn_repro/caffe/padding_cache/")])
def test_only_net_imports_the_padding_cache(file):
    assert file.startswith("fcn_repro/caffe/net/") or not within(imports(file), "fcn_repro.caffe.padding_cache")


@pytest.mark.parametrize("file", LIBRARY)
def test_the_library_knows_neither_nets_nor_the_table_of_runs(file):
    assert not within(imports(file), "nets", "solvers", "tools")


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith("nets/")] + TABLES)
def test_nets_and_tables_know_only_the_engine_and_facts_of_data_sets(file):
    reached = within(imports(file), "fcn_repro", "solvers" if file.startswith("nets/") else "nets", "tools")
    facts = ("fcn_repro.datasets.user.registry", "fcn_repro.datasets.data_set")
    assert reached == within(reached, "fcn_repro.engine", *facts)


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("tools/")])
def test_nothing_imports_a_program(file):
    assert not within(imports(file), "tools")


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("tools/")])
def test_programs_import_no_programs(file):
    assert not within(imports(file), "tools") - within(imports(file), PROGRAM, ALIASES)


# --- files


def test_the_root_of_the_library_has_at_most_eight_files():
    names = {path.name for path in (ROOT / "fcn_repro").glob("*.py")}
    assert len(names) <= 8, names


@pytest.mark.parametrize("folder", sorted({str(Path(file).parent) for file in FILES}))
def test_every_package_has_a_docstring(folder):
    init = ROOT / folder / "__init__.py"
    assert init.is_file() and ast.get_docstring(ast.parse(init.read_text(encoding="utf-8")))


# --- the effects of an import

IMPORT_ALL = """
import gc, importlib, json, logging, os, signal, sys

def settings():
    signals, log = [signal.getsignal(number) for number in sorted(signal.valid_signals())], logging.getLogger()
    return [*map(str, signals), sys.excepthook, log.handlers[:], log.level, gc.get_threshold()]

opened = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        path = os.path.relpath(os.path.abspath(arguments[0]), ROOT)
        if path.split(os.sep)[0] in ("build", "data"):
            opened.append(path)
    if event == "os.listdir" and isinstance(arguments[0], str) and "build" in arguments[0]:
        opened.append(arguments[0])

ROOT, modules = sys.argv[1], sys.argv[2:]
sys.path.insert(0, ROOT)
sys.addaudithook(watch)
before = dict(os.environ), settings()
first = None
for module in modules:
    importlib.import_module(module)
    if first is None and "torch" in sys.modules:
        first = module
after = dict(os.environ), settings()
changed = [name for name in {*before[0], *after[0]} if before[0].get(name) != after[0].get(name)]
print(json.dumps([opened, changed, before[1] == after[1], first]))
"""


def import_all(modules: list[str]) -> tuple[list[str], list[str], bool, str | None]:
    """Opened files of build/ and data/, changed variables, whether settings are unchanged, first module with torch."""
    command = [sys.executable, "-W", "ignore", "-c", IMPORT_ALL, str(ROOT), *modules]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout)


def test_importing_a_module_reads_no_data_and_changes_no_setting_of_the_process():
    library = [module for module in MODULES if not module.startswith("tools") and not module.endswith("__main__")]
    opened, changed, same_settings, _ = import_all([module for module in library if MODULES[module] not in TORCH_FILES])
    assert not opened
    assert not [name for name in changed if not name.startswith(("KMP_", "TORCH"))]  # torch's own
    assert same_settings


def test_modules_that_compute_nothing_need_no_torch():
    assert set(NO_TORCH) <= set(MODULES)
    first = import_all(NO_TORCH)[3]
    assert first is None, f"{first} imports torch"
