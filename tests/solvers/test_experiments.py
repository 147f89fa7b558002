import dataclasses
import subprocess
import sys

import pytest

from fcn_repro.datasets import DATASETS, PREPARE
from fcn_repro.datasets.user.registry import UserDataset
from nets import FCNS, NETS, build
from solvers.experiments import (
    ACCUM,
    EXPERIMENTS,
    HEAVY,
    HED,
    MINIBATCH,
    ONLINE,
    TABLE,
    Experiment,
    classifier_of,
    rules,
    table,
    user_rows,
)

# The reference's solver.prototxt and solve.py: net, start, base_lr, rounds, iterations per round, max_iter, snapshot.
VOC, NYUD = ((25, 4000), 100_000, 4000), ((50, 2000), 300_000, 2000)
CONTEXT, SIFTFLOW = ((50, 8000), 300_000, 4000), NYUD  # the reference's SIFT Flow solvers snapshot never
REFERENCE = {
    "voc-fcn32s": ("vgg16-32s", "vgg16-fcn", 1e-10, *VOC),
    "voc-fcn16s": ("vgg16-16s", "voc-fcn32s", 1e-12, *VOC),
    "voc-fcn8s": ("vgg16-8s", "voc-fcn16s", 1e-14, *VOC),
    "voc-fcn8s-atonce": ("vgg16-8s-atonce", "vgg16-fcn", 1e-10, (75, 4000), 300_000, 4000),
    "voc-fcn-alexnet": ("alexnet-32s", "caffenet-fcn", 1e-4, *VOC),
    "nyud-fcn32s-color": ("vgg16-32s", "vgg16-fcn", 1e-10, *NYUD),
    "nyud-fcn32s-hha": ("vgg16-32s", "vgg16-fcn", 1e-10, *NYUD),
    "nyud-fcn32s-color-d": ("vgg16-32s-early", "vgg16-fcn", 1e-10, *NYUD),
    "nyud-fcn32s-color-hha": ("vgg16-32s-late", {"color": "nyud-fcn32s-color", "hha": "nyud-fcn32s-hha"}, 1e-12, *NYUD),
    "siftflow-fcn32s": ("vgg16-32s", "vgg16-fcn", 1e-10, *SIFTFLOW),
    "siftflow-fcn16s": ("vgg16-16s", "siftflow-fcn32s", 1e-12, *SIFTFLOW),
    "siftflow-fcn8s": ("vgg16-8s", "siftflow-fcn16s", 1e-12, *SIFTFLOW),
    "pascalcontext-fcn32s": ("vgg16-32s", "vgg16-fcn", 1e-10, *CONTEXT),
    "pascalcontext-fcn16s": ("vgg16-16s", "pascalcontext-fcn32s", 1e-12, *CONTEXT),
    "pascalcontext-fcn8s": ("vgg16-8s", "pascalcontext-fcn16s", 1e-14, *CONTEXT),
}

ROW = Experiment("a", "vgg16-32s", "voc", "vgg16-fcn", HEAVY, 1e-10, (1, 1), 1, 1)


def row(name: str, init: str | dict[str, str]) -> Experiment:
    return dataclasses.replace(ROW, name=name, init=init)


@pytest.mark.parametrize("name", REFERENCE)
def test_rows_are_the_references(name: str):
    row = EXPERIMENTS[name]
    assert (row.net, row.init, row.base_lr, row.iterations, row.max_iter, row.snapshot) == REFERENCE[name]
    assert row.regime == (MINIBATCH if name == "voc-fcn-alexnet" else HEAVY)
    assert row.data.partition("-")[0] == name.partition("-")[0]


def test_there_are_two_regimes_in_the_reference():
    assert dataclasses.astuple(HEAVY) == (0.99, 1, False, 5e-4, None, None, None)
    assert dataclasses.astuple(MINIBATCH) == (0.9, 20, True, 5e-4, None, None, None)


@pytest.mark.parametrize("row", [row for row in EXPERIMENTS.values() if row.regime.power], ids=lambda row: row.name)
def test_a_rate_that_falls_is_zero_when_the_run_ends(row: Experiment):
    assert row.max_iter == row.iterations[0] * row.iterations[1]


def test_the_regimes_of_pamis_table_2_differ_in_batch_and_momentum_alone():
    for regime, momentum, iter_size in ((HEAVY, 0.99, 1), (ONLINE, 0.9, 1), (ACCUM, 0.9, 20)):
        assert regime == dataclasses.replace(HEAVY, momentum=momentum, iter_size=iter_size)
    images = {
        row.iterations[0] * row.iterations[1] * row.regime.iter_size
        for row in (EXPERIMENTS[name] for name in ("voc-fcn32s", "voc-fcn32s-online", "voc-fcn32s-accum"))
    }
    assert images == {100_000}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_row_names_a_net_that_exists_and_the_data_that_it_can_read(name: str):
    row = EXPERIMENTS[name]
    assert row.net in NETS and row.data in DATASETS
    assert all(init in EXPERIMENTS or init in (*NETS, f"{HED}-fcn") for init in row.sources.values())
    if name in TABLE and row.net in FCNS:
        build(row.net, "val", DATASETS[row.data])


@pytest.mark.parametrize(
    ("name", "base_lr"), [("voc2011-fcn-alexnet", 1e-3), ("voc2011-fcn32s", 1e-4), ("voc2011-fcn-googlenet", 5e-5)]
)
def test_classifiers_are_compared_by_the_papers_numbers(name: str, base_lr: float):
    row = EXPERIMENTS[name]
    assert (row.base_lr, row.regime) == (base_lr, MINIBATCH)
    assert row.iterations[0] * row.iterations[1] * 20 / DATASETS[row.data].splits["train"] >= 175  # epochs


# ---- the table refuses


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW, ROW], "two experiments are called 'a'"),
        *(
            ([row("a", init)], f"a: unknown init '{init}'; there are vgg16-fcn, vgg19-fcn, .*, a")
            for init in ("vgg13-fcn", "voc-fcn64s")
        ),
        ([row("a", "b"), row("b", "c"), row("c", "a")], "start from each other: a <- b <- c <- a"),
        ([row("a", "a-fcn")], "start from each other: a <- a"),
        ([row("a", {"one": "vgg16-fcn", "two": "b"}), row("b", "a")], "start from each other: a <- b <- a"),
    ],
)
def test_refuses_two_rows_of_one_name_unknown_inits_and_circles(rows: list, message: str):
    with pytest.raises(ValueError, match=message):
        table(*rows)


def test_accepts_a_chain_that_begins_with_fillers():
    assert list(table(row("b", "a-fcn"), dataclasses.replace(ROW, init=None))) == ["b", "a"]


# ---- data sets that people brought along


@pytest.fixture
def note(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def note(like: str) -> UserDataset:
        return UserDataset("cells", "images", "labels", ("a", "b"), {"train": 4, "val": 1}, like)

    return note


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        ("voc-fcn8s", [("32s", "vgg16-fcn"), ("16s", "cells-fcn32s"), ("8s", "cells-fcn16s")]),
        ("voc-fcn8s-atonce", [("8s-atonce", "vgg16-fcn")]),
        ("voc-fcn-alexnet", [("-alexnet", "caffenet-fcn")]),
        ("mini-fcn32s", [("32s", "mini-vgg16-fcn")]),
    ],
)
def test_a_users_data_set_has_the_stages_of_the_run_it_is_modelled_on(note, like: str, expected: list):
    rows = user_rows(note(like))
    assert [(row.name, row.init) for row in rows] == [(f"cells-fcn{end}", init) for end, init in expected]
    for row, (end, init) in zip(rows, expected, strict=True):
        model = EXPERIMENTS[f"{like.partition('-')[0]}-fcn{end}"]
        assert dataclasses.replace(model, name=row.name, init=init, data="cells") == row


def test_weights_that_were_chosen_start_the_first_stage(note):
    chosen = note("voc-fcn16s")
    chosen.folder.mkdir(parents=True)
    chosen.init.touch()
    first, second = user_rows(chosen)
    assert (first.init, second.init) == ("build/adopted/cells/init.caffemodel", "cells-fcn32s")
    assert list(table(first, second)) == ["cells-fcn32s", "cells-fcn16s"]


def test_refuses_an_unknown_model(note):
    with pytest.raises(ValueError, match="cells is modelled on 'voc-fcn4s'; expected one of voc-fcn32s, "):
        user_rows(note("voc-fcn4s"))


# ---- the command line


def test_a_convolutional_classifier_is_recognised():
    assert classifier_of("vgg16-fcn") == "vgg16"
    assert classifier_of("voc-fcn32s") is None


def test_rules_chain_the_stages_and_every_data_set_in_them_can_be_prepared():
    lines = list(rules())
    assert {
        *("voc-fcn32s: data-voc vgg16-fcn", "vgg16-fcn: weights-vgg16", "voc-fcn8s: data-voc voc-fcn16s"),
        *("mini-fcn32s: data-mini mini-vgg16-fcn", "mini-vgg16-fcn: mini-vgg16"),
        "nyud-fcn32s-color-hha: data-nyud nyud-fcn32s-color nyud-fcn32s-hha",
    } <= set(lines)
    targets = {word for line in lines for word in line.split() if word.startswith("data-")}
    assert targets <= {f"data-{name}" for name in PREPARE}


def run(*arguments: str) -> subprocess.CompletedProcess:
    """With no packages in sight: make asks for the names before anything is installed."""
    command = [sys.executable, "-S", "-m", "solvers.experiments", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_prints_names_and_rules_with_the_standard_library_alone_and_refuses_other_arguments():
    assert run().stdout.split() == list(EXPERIMENTS)
    assert run("--rules").stdout.splitlines() == list(rules())
    refused = run("--rule")
    assert refused.returncode == 2 and "found: --rule" in refused.stderr
