"""Reading ahead changes the time and nothing else."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from fcn_repro.datasets import read_ahead
from fcn_repro.datasets.read_ahead import ReadAhead
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import SIZES, write_list

MEAN = (104.00699, 116.66877, 122.67892)


@pytest.fixture
def layer_of(voc_dir, data_net, monkeypatch):
    """Builds a net over a VOC split of nine images, three of them distinct, that reads so many ahead."""

    def build(ahead: int, split: str = "train"):
        monkeypatch.setenv("READ_AHEAD", str(ahead))
        write_list(voc_dir / "ImageSets" / "Segmentation" / f"{split}.txt", list(SIZES) * 3)
        params = {"voc_dir": str(voc_dir), "split": split, "mean": MEAN, "seed": 1337}
        return data_net("voc_layers", "VOCSegDataLayer", params)

    return build


def served(net, times):
    for _ in range(times):
        net.forward()
        yield net.layers[0].position(), net.blobs["data"].data.copy(), net.blobs["label"].data.copy()


@pytest.mark.parametrize("ahead", [1, 2, 5])
@pytest.mark.parametrize("split", ["train", "val"])
def test_items_draws_and_positions_are_those_of_reading_in_turn(layer_of, split, ahead):
    expected = list(served(layer_of(0, split), 12))
    for (position, *arrays), (known, *wanted) in zip(served(layer_of(ahead, split), 12), expected, strict=True):
        assert position == known
        assert all(np.array_equal(a, b) for a, b in zip(arrays, wanted, strict=True))


def test_a_position_is_that_of_the_item_served_not_of_those_read_ahead(layer_of):
    first = layer_of(3)
    list(served(first, 4))
    position = json.loads(json.dumps(first.layers[0].position()))
    expected = [arrays[0] for _, *arrays in served(first, 5)]
    second = layer_of(3)
    list(served(second, 2))
    second.layers[0].seek(position)
    for (_, data, _), wanted in zip(served(second, 5), expected, strict=True):
        assert np.array_equal(data, wanted)


def test_the_next_items_are_read_in_another_thread_while_nobody_waits(layer_of, monkeypatch):
    net = layer_of(2, "val")
    layer, done = net.layers[0], threading.Event()
    read_in = {}

    def load(item, load=layer.load):
        read_in[item] = threading.current_thread()
        if len(read_in) == 2:
            done.set()
        return load(item)

    monkeypatch.setattr(layer, "load", load)
    net.forward()
    assert done.wait(10)
    assert threading.main_thread() not in read_in.values()
    assert list(read_in) == list(SIZES)[1:3]


def test_with_read_ahead_0_nothing_is_read_before_its_turn(layer_of, monkeypatch):
    net = layer_of(0, "val")
    monkeypatch.setattr(net.layers[0], "load", lambda item: pytest.fail("read too early"))
    net.forward()


def test_a_damaged_item_is_reported_at_its_turn_and_read_anew_when_it_was_mended(layer_of, voc_dir):
    net = layer_of(2, "val")
    damaged = voc_dir / "SegmentationClass" / f"{list(SIZES)[1]}.png"
    whole = damaged.read_bytes()
    damaged.unlink()
    net.forward()
    for _ in range(2):
        with pytest.raises(DataError, match=f"(?s){damaged.name}: missing.*make data-voc"):
            net.forward()
    damaged.write_bytes(whole)
    net.forward()
    assert net.blobs["label"].data.shape[2:] == list(SIZES.values())[1]


@pytest.mark.parametrize("text", ["-1", "two", ""])
def test_another_setting_than_a_count_is_refused(monkeypatch, text):
    monkeypatch.setenv("READ_AHEAD", text)
    with pytest.raises(ValueError, match="READ_AHEAD=.*expected how many items"):
        read_ahead.depth()


def test_the_thread_ends_with_its_reader():
    others = set(threading.enumerate())
    reader = ReadAhead(lambda pick: [pick])
    reader.expect([1, 2])
    assert reader.take(1) == [1]
    (thread,) = set(threading.enumerate()) - others
    del reader
    thread.join(10)
    assert not thread.is_alive()


def test_what_is_no_longer_expected_is_not_read():
    began, go_on, read = threading.Event(), threading.Event(), []

    def slow(pick):
        began.set()
        assert go_on.wait(10)
        read.append(pick)
        return [pick]

    others = set(threading.enumerate())
    reader = ReadAhead(slow)
    reader.expect([1, 2, 3])
    (thread,) = set(threading.enumerate()) - others
    assert began.wait(10)
    reader.expect([4])
    go_on.set()
    assert reader.take(4) == [4]
    del reader
    thread.join(10)
    assert sorted(read) == [1, 4]


@pytest.mark.parametrize("ahead", [0, 2])
def test_ranks_take_turns_in_the_order_of_a_single_run(layer_of, ahead):
    alone = [(position, data) for position, data, _ in served(layer_of(ahead), 6)]
    for rank in range(2):
        take_rank(rank, 2)
        try:
            turns = list(served(layer_of(ahead), 3))
        finally:
            take_rank(0, 1)
        for turn, (position, data, _) in enumerate(turns):
            assert np.array_equal(data, alone[2 * turn + rank][1])
            assert position == alone[2 * turn + 1][0]


def take_rank(rank, ranks):
    caffe.set_multiprocess(ranks > 1)
    caffe.set_solver_count(ranks)
    caffe.set_solver_rank(rank)
