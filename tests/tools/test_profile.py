import csv
import json
from pathlib import Path

import pytest

from fcn_repro.analysis.cost import profiler
from fcn_repro.analysis.cost.measurement import Measurement, NotEnoughMemory
from solvers.experiments import EXPERIMENTS
from solvers.sized_net import Point, SizedNet
from tools import profile, program


@pytest.fixture(autouse=True)
def _in_a_folder_with_the_papers_tables_alone(tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(Path(__file__).resolve().parents[2] / "data")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def measurements(monkeypatch):
    """Record jobs instead of measuring; each takes one second per GFLOP."""
    jobs = []

    def measure_in_process(job):
        jobs.append(job)
        layers = job.net.read_text().count("layer {") + 10  # and some Splits
        if "500x500" in job.net.name:
            raise NotEnoughMemory("can't allocate memory")
        passes = [float(job.work)] * job.passes
        return Measurement([0.1] * layers, [0.2] * layers, passes, passes * job.trains, 10**9)

    monkeypatch.setattr(profiler, "measure_in_process", measure_in_process)
    return jobs


def run(*arguments: str) -> int:
    return program.run(profile.main, profile.parse(arguments))


def rows(out: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}


def test_cost_needs_no_measurement_and_no_memory(measurements, capsys):
    assert run("voc-fcn8s", "--cost", "--size", "2000") == 0
    found = rows(capsys.readouterr().out)
    assert " ".join(found["fc6"]) == "fc6 Convolution 4096 x 63 x 63 32 404 102,764,544 65.0 815.712"
    assert found["score"][2:7] == ["21", "x", "2000", "x", "2000"]
    assert not measurements


def check(name: str, phase: str) -> None:
    net = SizedNet(Point(name, phase, profile.own_size(name), 1))
    assert net.work > 0 and net.summary.trainable > 0, name
    assert any(cost.backward for cost in net.costs) == (phase == "train"), name


def test_every_net_of_the_table_and_every_phase_has_a_cost():
    for name in {row.net: row.name for row in EXPERIMENTS.values()}.values():
        check(name, "train")
    for name in ("mini-fcn8s", "mini-vgg16", "mini-fcn32s-color-hha"):
        for phase in "deploy", "test":
            check(name, phase)


def test_one_size_is_measured_printed_and_kept(measurements, capsys):
    assert run("mini-fcn8s", "--phase", "train", "--size", "64x80", "--batch", "2", "--passes", "3") == 0
    out = capsys.readouterr().out
    assert out.startswith("mini-fcn8s train, 2 x 64 x 80\n")
    assert "backward" in out and "peak memory        1.00 GB" in out and "measured on" in out
    record = json.loads(Path("build/profile/mini-fcn8s/train-64x80-2.json").read_text())
    assert record["passes"] == 3 and record["machine"]["cores"] > 0
    assert "forward_flop" in Path("build/profile/mini-fcn8s/train-64x80-2.csv").read_text()


def test_several_sizes_make_a_table_and_a_chart(measurements, capsys):
    assert run("mini-fcn8s", "--sizes", "100", "60x80", "--batches", "1", "2", "--format", "csv") == 0
    assert len(measurements) == 4 and "\n60,80,2," in capsys.readouterr().out
    with open("build/profile/mini-fcn8s/deploy.csv", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["height"], row["width"], row["batch"]) for row in found] == [
        ("100", "100", "1"), ("100", "100", "2"), ("60", "80", "1"), ("60", "80", "2")
    ]  # fmt: skip
    assert all(text in Path("build/profile/mini-fcn8s/deploy.svg").read_text() for text in (">batch 1<", ">batch 2<"))
    work = [job.work * job.all_passes for job in measurements]
    assert [job.before for job in measurements] == [sum(work[:i]) for i in range(4)]


def test_what_was_measured_is_not_measured_again_unless_asked(measurements):
    assert run("mini-fcn8s", "--sizes", "40", "50") == 0
    assert run("mini-fcn8s", "--sizes", "40", "50", "60") == 0
    assert len(measurements) == 3
    assert run("mini-fcn8s", "--sizes", "40", "--again") == 0
    assert run("mini-fcn8s", "--size", "40") == 0
    assert len(measurements) == 5


def test_a_size_that_does_not_fit_is_reported_and_skipped(measurements, capsys):
    assert run("mini-fcn8s", "--sizes", "500", "40") == 0
    assert (
        "mini-fcn8s deploy, 1 x 500 x 500: did not fit into memory: can't allocate memory\n" in capsys.readouterr().out
    )
    assert len(Path("build/profile/mini-fcn8s/deploy.csv").read_text().splitlines()) == 2


def test_if_nothing_fits_that_is_an_error(measurements, capsys):
    assert run("mini-fcn8s", "--sizes", "500") == 1
    assert run("mini-fcn8s", "--size", "500") == 1
    message = capsys.readouterr().err
    assert "nothing fitted into memory" in message
    assert "mini-fcn8s deploy, 1 x 500 x 500: did not fit into memory: can't allocate memory" in message


@pytest.mark.parametrize(
    ("experiment", "size", "message"),
    [
        ("mini-vgg16", "40", "mini-vgg16: got 40 x 40 pixels, expected exactly 96 x 96"),
        ("voc-fcn-googlenet", "20", "deploy-20x20-1.prototxt"),
    ],
)
def test_a_size_that_the_net_cannot_take_is_an_error_before_anything_is_measured(
    measurements, capsys, experiment, size, message
):
    assert run(experiment, "--sizes", "96", size) == 1
    assert message in capsys.readouterr().err
    assert not measurements


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("voc-fcn9s",), "invalid choice: 'voc-fcn9s'"),
        (("voc-fcn8s", "--size", "0"), "expected a positive integer, got '0'"),
        (("voc-fcn8s", "--sizes", "100", "axb"), "got 'axb', expected HEIGHTxWIDTH"),
        (("voc-fcn8s", "--batch", "-1"), "argument --batch"),
        (("voc-fcn8s", "--phase", "val"), "invalid choice: 'val'"),
        (("voc-fcn8s", "--cost", "--sizes", "100"), "--cost takes one --size"),
    ],
)
def test_refuses_other_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as refused:
        profile.parse(arguments)
    assert refused.value.code == 2
    assert message in capsys.readouterr().err
