"""Variations of training: what is drawn, that image and label stay together, what is ignored, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fcn_repro.datasets.augmentation import OFF, Variation, nearest_cells, shifted

MEAN = (104.00699, 116.66877, 122.67892)
NAMES = ("background", "cat", "dog")
TOPS = ("data", "label")


def vary(arrays, draw=(7, 0), training=True, names=NAMES, **options):
    variation = Variation(options, TOPS, names, training)
    return variation(arrays, draw if variation.is_random else None)


def item(height=64, width=96, seed=0):
    """An image whose first channel is its label map, so that it shows if they part."""
    label = np.random.default_rng(seed).integers(0, 3, (1, height, width)).astype(np.uint8)
    return [np.concatenate([label, label + 10, label + 20]).astype(np.float32), label]


def voc_net(data_net, voc_dir, split="train", **more):
    params = {"voc_dir": str(voc_dir), "split": split, "mean": MEAN, "seed": 1337, **more}
    return data_net("voc_layers", "VOCSegDataLayer", params)


def served(net, forwards):
    out = []
    for _ in range(forwards):
        net.forward()
        out.append((net.blobs["data"].data.copy(), net.blobs["label"].data.copy()))
    return out


def test_nothing_is_changed_or_told_by_default(voc_dir, data_net):
    arrays = item()
    assert vary(arrays) is arrays
    explicit = served(voc_net(data_net, voc_dir, **OFF), 6)
    for (data, label), (data_again, label_again) in zip(served(voc_net(data_net, voc_dir), 6), explicit, strict=True):
        np.testing.assert_array_equal(data, data_again)
        np.testing.assert_array_equal(label, label_again)


def test_the_order_of_the_images_is_that_without_variations(voc_dir, data_net):
    plain = voc_net(data_net, voc_dir)
    shapes = [label.shape for _, label in served(plain, 12)]
    varied = voc_net(data_net, voc_dir, mirror=True, jitter=5, keep=0.5)
    assert [label.shape for _, label in served(varied, 12)] == shapes


def test_mirroring_serves_about_every_other_item_the_other_way_round():
    arrays = item()
    mirrored = 0
    for step in range(200):
        data, label = vary(arrays, (1, step), mirror=True)
        turned = not np.array_equal(label, arrays[1])
        np.testing.assert_array_equal(label, arrays[1][..., ::-1] if turned else arrays[1])
        np.testing.assert_array_equal(data[:1], label)
        mirrored += turned
    assert 75 < mirrored < 125


def test_jitter_moves_image_and_label_alike_and_ignores_what_it_vacates():
    arrays = item()
    moves = set()
    for step in range(100):
        data, label = vary(arrays, (1, step), jitter=32)
        inside = label[0] != 255
        np.testing.assert_array_equal(data[0][inside], label[0][inside])
        assert not data[:, ~inside].any()  # the mean
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        assert inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        moves.add((rows[0] if rows[0] else rows[-1] - 63, columns[0] if columns[0] else columns[-1] - 95))
    assert len(moves) > 90
    assert {abs(move) for pair in moves for move in pair} <= set(range(33))
    assert max(abs(move) for pair in moves for move in pair) > 28


@pytest.mark.parametrize("down, right", [(0, 0), (3, -2), (-4, 5), (9, 0), (0, -12)])
def test_shifting_agrees_with_shifting_pixel_by_pixel(down, right):
    array = np.arange(2 * 8 * 10, dtype=np.float32).reshape(2, 8, 10)
    expected = np.full_like(array, -1)
    for c, y, x in np.ndindex(array.shape):
        if 0 <= y + down < 8 and 0 <= x + right < 10:
            expected[c, y + down, x + right] = array[c, y, x]
    np.testing.assert_array_equal(shifted(array, down, right, -1), expected)


def test_a_pixel_belongs_to_the_cell_whose_centre_is_nearest():
    centres = 12.5 + 32 * np.arange(5)
    expected = [np.abs(centres - pixel).argmin() for pixel in range(140)]
    assert nearest_cells(140, 32, 12.5).tolist() == expected


def test_whole_cells_are_ignored_and_about_the_wanted_part_is_kept():
    arrays = item(160, 160)
    cells = nearest_cells(160, 32, 12.5)
    kept = []
    for step in range(100):
        data, label = vary(arrays, (2, step), keep=0.25)
        counts = label[0] != 255
        np.testing.assert_array_equal(data, arrays[0])
        for row, column in np.ndindex(cells[-1] + 1, cells[-1] + 1):
            cell = counts[np.ix_(cells == row, cells == column)]
            assert cell.all() or not cell.any()
        kept.append(counts.mean())
    assert np.mean(kept) == pytest.approx(0.25, abs=0.03)


def test_background_is_kept_in_part_and_the_rest_whole():
    arrays = item(200, 200)
    _, label = vary(arrays, keep_background=0.3)
    kept = [(label[arrays[1] == c] == c).mean() for c in range(3)]
    assert kept == pytest.approx([0.3, 1.0, 1.0], abs=0.02)
    assert set(np.unique(label[label != arrays[1]])) == {255}


def test_masks_hide_background_foreground_or_all_but_the_shape():
    data, label = item()
    label[0, :8] = 255  # void, which is foreground
    hidden = {mask: vary([data, label], training=False, mask=mask) for mask in ("foreground", "background", "both")}
    assert all(np.array_equal(varied[1], label) for varied in hidden.values())
    np.testing.assert_array_equal(hidden["background"][0], data * (label != 0))
    np.testing.assert_array_equal(hidden["foreground"][0], data * (label == 0))
    np.testing.assert_array_equal(hidden["both"][0], np.repeat(128.0 * (label != 0), 3, axis=0))


def test_a_net_restored_to_a_position_serves_what_would_have_followed(voc_dir, data_net):
    options = {"mirror": True, "jitter": 4, "keep": 0.5, "cells": (8, 3.5), "keep_background": 0.5}
    first = voc_net(data_net, voc_dir, **options)
    served(first, 5)
    position = json.loads(json.dumps(first.layers[0].position()))
    second = voc_net(data_net, voc_dir, **{**options, "seed": 99})
    second.layers[0].seek(position)
    for (data, label), (data_again, label_again) in zip(served(first, 8), served(second, 8), strict=True):
        np.testing.assert_array_equal(data, data_again)
        np.testing.assert_array_equal(label, label_again)


def test_a_seed_gives_the_same_draws_and_another_others(voc_dir, data_net):
    def labels(seed):
        return [label for _, label in served(voc_net(data_net, voc_dir, seed=seed, jitter=6), 6)]

    assert all(np.array_equal(a, b) for a, b in zip(labels(5), labels(5), strict=True))
    assert not all(a.shape == b.shape and np.array_equal(a, b) for a, b in zip(labels(5), labels(6), strict=True))


def test_reshaping_a_net_draws_nothing(voc_dir, data_net):
    first, second = (voc_net(data_net, voc_dir, jitter=6) for _ in range(2))
    second.reshape()
    second.reshape()
    for (data, _), (data_again, _) in zip(served(first, 3), served(second, 3), strict=True):
        np.testing.assert_array_equal(data, data_again)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"jitter": -1}, "option jitter is -1; expected pixels, 0 or more"),
        ({"keep": 0}, "option keep is 0; expected a part of the cells"),
        ({"keep": 1.5}, "option keep is 1.5; expected a part of the cells"),
        ({"keep_background": 1.5}, "option keep_background is 1.5; expected a part of the pixels, 0 to 1"),
        ({"keep_background": 0.5, "names": ("wall", "floor")}, "option keep_background is 0.5; expected 1, as class 0"),
        ({"mask": "sky"}, "option mask is 'sky'; expected one of"),
        ({"mirror": True, "training": False}, "option mirror: for layers that draw training images at random"),
        ({"mask": "both", "names": ("wall", "floor")}, "option mask is 'both'; expected none: class 0 is wall"),
    ],
)
def test_refuses_options_that_say_nothing_sensible(options, message):
    with pytest.raises(ValueError, match=message):
        vary(item(), **options)


def test_a_scored_split_is_never_varied_at_random(voc_dir, data_net):
    with pytest.raises(ValueError, match="VOCSegDataLayer: option jitter: for layers that draw training images"):
        voc_net(data_net, voc_dir, split="val", jitter=3)
