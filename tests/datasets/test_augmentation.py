"""Augmentations: random draws, alignment of image and label, ignored pixels, wrong options."""

import numpy as np
import pytest

from fcn_repro.datasets.augmentation import OFF, Augmentation, find_nearest_cells, shift

NAMES = ("background", "cat", "dog")
TOPS = ("data", "label")


def augment(arrays, draw=(7, 0), training=True, names=NAMES, **options):
    augmentation = Augmentation(options, TOPS, names, training)
    return augmentation(arrays, draw if augmentation.is_random else None)


def item(height=64, width=96, seed=0):
    """An image whose first channel is its label map, so that misalignment shows."""
    label = np.random.default_rng(seed).integers(0, 3, (1, height, width)).astype(np.uint8)
    return [np.concatenate([label, label + 10, label + 20]).astype(np.float32), label]


def test_nothing_changes_by_default(voc_net, serve):
    arrays = item()
    assert augment(arrays) is arrays
    for explicit, default in zip(serve(voc_net(**OFF), 6), serve(voc_net(), 6), strict=True):
        assert all(map(np.array_equal, explicit, default))


def test_the_order_of_the_images_is_the_same_with_augmentations(voc_net, serve):
    shapes = [label.shape for _, label in serve(voc_net(), 12)]
    assert [label.shape for _, label in serve(voc_net(mirror=True, jitter=5, keep=0.5), 12)] == shapes


def test_mirror_flips_about_every_other_item():
    arrays = item()
    mirrored = 0
    for step in range(200):
        data, label = augment(arrays, (1, step), mirror=True)
        turned = not np.array_equal(label, arrays[1])
        np.testing.assert_array_equal(label, arrays[1][..., ::-1] if turned else arrays[1])
        np.testing.assert_array_equal(data[:1], label)
        mirrored += turned
    assert 75 < mirrored < 125


def test_jitter_shifts_image_and_label_alike_and_ignores_uncovered_pixels():
    arrays = item()
    moves = set()
    for step in range(100):
        data, label = augment(arrays, (1, step), jitter=32)
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
    np.testing.assert_array_equal(shift(array, down, right, -1), expected)


def test_a_pixel_belongs_to_the_nearest_cell():
    centres = 12.5 + 32 * np.arange(5)
    expected = [np.abs(centres - pixel).argmin() for pixel in range(140)]
    assert find_nearest_cells(140, 32, 12.5).tolist() == expected


def test_keep_ignores_whole_cells_and_keeps_about_the_wanted_part():
    arrays = item(160, 160)
    cells = find_nearest_cells(160, 32, 12.5)
    kept = []
    for step in range(100):
        data, label = augment(arrays, (2, step), keep=0.25)
        counts = label[0] != 255
        np.testing.assert_array_equal(data, arrays[0])
        for row, column in np.ndindex(cells[-1] + 1, cells[-1] + 1):
            cell = counts[np.ix_(cells == row, cells == column)]
            assert cell.all() or not cell.any()
        kept.append(counts.mean())
    assert np.mean(kept) == pytest.approx(0.25, abs=0.03)


def test_keep_background_ignores_only_background():
    arrays = item(200, 200)
    _, label = augment(arrays, keep_background=0.3)
    kept = [(label[arrays[1] == c] == c).mean() for c in range(3)]
    assert kept == pytest.approx([0.3, 1.0, 1.0], abs=0.02)
    assert set(np.unique(label[label != arrays[1]])) == {255}


def test_masks_hide_background_foreground_or_all_but_the_shape():
    data, label = item()
    label[0, :8] = 255  # void, which is foreground
    hidden = {mask: augment([data, label], training=False, mask=mask) for mask in ("foreground", "background", "both")}
    assert all(np.array_equal(varied[1], label) for varied in hidden.values())
    np.testing.assert_array_equal(hidden["background"][0], data * (label != 0))
    np.testing.assert_array_equal(hidden["foreground"][0], data * (label == 0))
    np.testing.assert_array_equal(hidden["both"][0], np.repeat(128.0 * (label != 0), 3, axis=0))


def test_a_seed_determines_the_draws_and_reshaping_draws_nothing(voc_net, serve):
    def serve_labels(seed, reshapes=0):
        net = voc_net(seed=seed, jitter=6)
        for _ in range(reshapes):
            net.reshape()
        return [label for _, label in serve(net, 6)]

    assert all(map(np.array_equal, serve_labels(5), serve_labels(5, reshapes=2)))
    assert not all(map(np.array_equal, serve_labels(5), serve_labels(6)))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"jitter": -1}, "option jitter: got -1; expected a number of pixels, 0 or more"),
        ({"keep": 0}, "option keep: got 0; expected a part of the cells"),
        ({"keep": 1.5}, "option keep: got 1.5; expected a part of the cells"),
        ({"keep_background": 1.5}, "option keep_background: got 1.5; expected a part of the pixels, 0 to 1"),
        (
            {"keep_background": 0.5, "names": ("wall", "floor")},
            "option keep_background: got 0.5; expected 1, as class 0",
        ),
        ({"mask": "sky"}, "option mask: got 'sky'; expected one of"),
        ({"mirror": True, "training": False}, "option mirror: expected only in layers that draw training images"),
        ({"mask": "both", "names": ("wall", "floor")}, "option mask: got 'both'; expected none, as class 0 is wall"),
    ],
)
def test_refuses_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        augment(item(), **options)


def test_a_validation_split_has_no_random_augmentations(voc_net):
    with pytest.raises(ValueError, match="VOCSegDataLayer: option jitter: expected only in layers that draw"):
        voc_net("val", jitter=3)
