"""Prefetching changes the time and nothing else."""

import json
import threading

import numpy as np
import pytest

from fcn_repro.datasets import prefetch
from fcn_repro.datasets.prefetch import Prefetcher
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import SIZES, write_list


@pytest.fixture
def make_net(voc_dir, voc_net, monkeypatch):
    """Builds a net over a VOC split of nine images, three of them distinct, with a queue of some length."""

    def build(length: int, split: str = "train"):
        monkeypatch.setenv("READ_AHEAD", str(length))
        write_list(voc_dir / "ImageSets" / "Segmentation" / f"{split}.txt", list(SIZES) * 3)
        return voc_net(split)

    return build


def serve_positions(net, times):
    for _ in range(times):
        net.forward()
        yield net.layers[0].position(), net.blobs["data"].data.copy(), net.blobs["label"].data.copy()


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("split", ["train", "val"])
def test_items_draws_and_positions_are_the_same_as_without(make_net, split, length):
    expected = list(serve_positions(make_net(0, split), 12))
    for (position, *arrays), (known, *wanted) in zip(
        serve_positions(make_net(length, split), 12), expected, strict=True
    ):
        assert position == known
        assert all(map(np.array_equal, arrays, wanted))


def test_a_position_counts_served_items_and_not_prefetched_ones(make_net):
    first, second = make_net(3), make_net(3)
    list(serve_positions(first, 4))
    position = json.loads(json.dumps(first.layers[0].position()))
    list(serve_positions(second, 2))
    second.layers[0].seek(position)
    for (_, data, _), (_, wanted, _) in zip(serve_positions(second, 5), serve_positions(first, 5), strict=True):
        assert np.array_equal(data, wanted)


def test_the_next_items_are_loaded_in_another_thread(make_net, monkeypatch):
    net = make_net(2, "val")
    layer, done = net.layers[0], threading.Event()
    threads = {}

    def load(item, load=layer.load):
        threads[item] = threading.current_thread()
        if len(threads) == 2:
            done.set()
        return load(item)

    monkeypatch.setattr(layer, "load", load)
    net.forward()
    assert done.wait(10)
    assert threading.main_thread() not in threads.values()
    assert list(threads) == list(SIZES)[1:3]


def test_with_read_ahead_0_nothing_is_prefetched(make_net, monkeypatch):
    net = make_net(0, "val")
    monkeypatch.setattr(net.layers[0], "load", lambda item: pytest.fail("read too early"))
    net.forward()


def test_a_damaged_item_is_reported_at_its_turn_and_read_again_after_a_repair(make_net, voc_dir):
    net = make_net(2, "val")
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
def test_refuses_a_setting_that_is_no_count(monkeypatch, text):
    monkeypatch.setenv("READ_AHEAD", text)
    with pytest.raises(ValueError, match="READ_AHEAD: got .*; expected the number of items"):
        prefetch.get_queue_length()


def test_unscheduled_picks_are_dropped_and_the_thread_ends_with_its_object():
    began, go_on, read = threading.Event(), threading.Event(), []

    def slow(pick):
        began.set()
        assert go_on.wait(10)
        read.append(pick)
        return [pick]

    others = set(threading.enumerate())
    prefetcher = Prefetcher(slow)
    prefetcher.schedule([1, 2, 3])
    (thread,) = set(threading.enumerate()) - others
    assert began.wait(10)
    prefetcher.schedule([4])
    go_on.set()
    assert prefetcher.get(4) == [4]
    del prefetcher
    thread.join(10)
    assert not thread.is_alive()
    assert sorted(read) == [1, 4]


@pytest.mark.parametrize("length", [0, 2])
def test_ranks_take_turns_in_the_order_of_a_single_run(make_net, length):
    single = list(serve_positions(make_net(length), 6))
    for rank in range(2):
        set_rank(rank, 2)
        try:
            turns = list(serve_positions(make_net(length), 3))
        finally:
            set_rank(0, 1)
        for turn, (position, data, _) in enumerate(turns):
            assert np.array_equal(data, single[2 * turn + rank][1])
            assert position == single[2 * turn + 1][0]


def set_rank(rank, ranks):
    caffe.set_multiprocess(ranks > 1)
    caffe.set_solver_count(ranks)
    caffe.set_solver_rank(rank)
