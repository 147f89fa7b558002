"""`pip install .` in new environments outside the repository. `make test-install` runs it."""

import re
import zipfile
from pathlib import Path

import pytest

from tests.install.installing import PYTHONS, ROOT, WITHOUT_TORCH, environment, pip, python_of_version, run, sources

NEEDED = "filelock h5py jinja2 matplotlib numpy pillow protobuf psutil scipy tabulate torch tqdm"
# The parts of the engine that import no torch replace its package.
IMPORT_ALL = """
import importlib, pathlib, sys, types
place = pathlib.Path(sys.argv[1])
engine = types.ModuleType("fcn_repro.caffe")
engine.__path__ = [str(place / "fcn_repro" / "caffe")]
sys.modules["fcn_repro.caffe"] = engine
if sys.version_info < (3, 10):  # the engine is real Caffe there, with its own coord_map
    sys.modules["fcn_repro.caffe.coord_map"] = engine.coord_map = types.ModuleType("coord_map")
for part in ("net_spec", "coord_map", "proto"):
    setattr(engine, part, importlib.import_module(f"fcn_repro.caffe.{part}"))
engine.layers, engine.params, engine.NetSpec = engine.net_spec.layers, engine.net_spec.params, engine.net_spec.NetSpec
engine.Layer = engine.Net = engine.Blob = engine.SGDSolver = object
engine.TRAIN, engine.TEST = 0, 1
sys.path.insert(0, sys.argv[2])
count = 0
for root, top in ((place, "fcn_repro"), *((pathlib.Path(sys.argv[2]), top) for top in ("nets", "solvers", "tools"))):
    for path in sorted((root / top).rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).replace(".__init__", "")
        if not (name + ".").startswith("fcn_repro.caffe.") and name not in NEED_TORCH:
            importlib.import_module(name)
            count += 1
print(count)
""".replace("NEED_TORCH", repr(("fcn_repro.model.exchange.torch_files", "tools.pycaffe", "tools.caffe")))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    copy = sources(folder / "copy")
    builder = environment(folder / "builder")
    run(builder, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, copy, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The bin folder of an environment with the wheel, and all that it depends on, installed."""
    python = environment(tmp_path_factory.mktemp("clean") / "venv")
    pip(python, "--constraint", ROOT / "constraints.txt", wheel)
    return python.parent


def test_the_wheel_puts_one_name_into_site_packages(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith((".dist-info", ".data"))} == {"fcn_repro"}


def test_the_wheel_carries_every_module_program_and_table(wheel):
    inside = {name.split("/share/fcn-repro/")[-1] for name in zipfile.ZipFile(wheel).namelist()}
    tops = ("fcn_repro/", "nets/", "solvers/", "tools/")
    tracked = run("git", "ls-files", cwd=ROOT).splitlines()
    wanted = {name for name in tracked if name.startswith(tops) or name.startswith("data/") and name.endswith(".csv")}
    assert {name for name in wanted if (ROOT / name).is_file()} <= inside


def test_the_command_lists_its_programs_and_runs_them_where_it_is_called(installed, tmp_path):
    command = installed / "fcn-repro"
    listed = run(command, cwd=tmp_path)
    assert "infer" in listed and "label images of any size" in listed
    assert "usage: fcn-repro infer" in run(command, "infer", "--help", cwd=tmp_path)
    assert "fcn8s-heavy-pascal.caffemodel" in run(command, "fetch", cwd=tmp_path)
    run(command, "emit", "mini-fcn8s", "voc-fcn8s", cwd=tmp_path)
    assert (tmp_path / "build/voc-fcn8s/solver.prototxt").is_file()
    assert "score: offset 31" in run(command, "explain", "mini-fcn8s", "--size", "64x96", cwd=tmp_path)


TRY = """
import numpy as np
from PIL import Image
from fcn_repro.engine import caffe
net = caffe.Net("build/mini-fcn8s/deploy.prototxt", caffe.TEST)
for blobs in net.params.values():
    blobs[0].data[...] = np.random.default_rng(0).normal(0, 0.1, blobs[0].data.shape)
net.save("build/mini-fcn8s/final.caffemodel")
Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save("photo.png")
"""
THREE_LINES = """
from fcn_repro import Segmenter
segmenter = Segmenter("mini-fcn8s")
print(segmenter("photo.png").shape)
"""


def test_images_are_labelled_by_the_command_and_from_python(installed, tmp_path):
    run(installed / "fcn-repro", "emit", "mini-fcn8s", cwd=tmp_path)
    run(installed / "python", "-c", TRY, cwd=tmp_path)
    printed = run(installed / "fcn-repro", "infer", "mini-fcn8s", "photo.png", "--out", "maps", cwd=tmp_path)
    assert "maps/photo.png: " in printed and (tmp_path / "maps/photo-overlay.png").is_file()
    assert run(installed / "python", "-c", THREE_LINES, cwd=tmp_path) == "(40, 60)\n"
    printed = run(installed / "fcn-repro", "export", "mini-fcn8s", "--to", "torch", cwd=tmp_path)
    assert printed.count("largest difference") == 3


def test_pycaffe_scripts_run_unchanged(installed, tmp_path):
    (tmp_path / "script.py").write_text("import caffe\nprint(caffe.layers.ReLU().fn.type_name)\n")
    assert run(installed / "fcn-repro", "pycaffe", "script.py", cwd=tmp_path) == "ReLU\n"


@pytest.mark.parametrize("version", PYTHONS)
def test_everything_but_the_engine_imports_without_torch(version, wheel, tmp_path):
    python = environment(tmp_path / "venv", python_of_version(version))
    pip(python, *WITHOUT_TORCH)
    if version == "3.8":  # beside conda's Caffe, from a clone
        place = top = ROOT
    else:
        pip(python, "--no-deps", wheel)
        (place,) = (tmp_path / "venv/lib").glob("python*/site-packages")
        top = tmp_path / "venv/share/fcn-repro"
    env = {"PYTHONPATH": str(place)}
    assert int(run(python, "-c", IMPORT_ALL, place, top, cwd=tmp_path, env=env)) > 80
    engine = [] if version == "3.8" else [place / "fcn_repro/caffe"]
    run(python, "-m", "compileall", "-q", "-f", *engine, top / "tools", top / "nets", top / "solvers", cwd=tmp_path)


@pytest.mark.parametrize("version", [version for version in PYTHONS if version != "3.8"])
def test_the_wheel_needs_only_torch_and_drawing_libraries_besides(version, wheel, tmp_path):
    python = environment(tmp_path / "venv", python_of_version(version))
    pip(python, *WITHOUT_TORCH)
    pip(python, "--no-deps", wheel)
    script = (
        "import importlib.metadata as m, re\n"
        "wanted = [r for r in m.requires('fcn-repro') if 'extra' not in r]\n"
        "print(*sorted(re.match(r'[\\w.-]+', r)[0] for r in wanted))"
    )
    assert run(python, "-c", script, cwd=tmp_path) == f"{NEEDED}\n"
    printed = run("bash", "-c", f"{python} -m pip check || true", cwd=tmp_path)
    assert [
        line for line in printed.splitlines() if "fcn-repro" in line and not re.search("torch|matplotlib|jinja2", line)
    ] == []
