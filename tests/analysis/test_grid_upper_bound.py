"""Resampled label maps against slow counting, and the laws of bounds."""

import numpy as np
import pytest
from PIL import Image

from fcn_repro.analysis.grid_upper_bound import (
    FACTORS,
    READINGS,
    STUDIED,
    antialias,
    count_confusions,
    fill_void,
    resample,
)
from fcn_repro.evaluation.metrics import mean_iu
from tests.fixtures.shared_files import find_shared


def blobs(height=70, width=90, seed=0):
    """A few rectangles of classes 1 to 3 on 0."""
    random = np.random.default_rng(seed)
    label = np.zeros((height, width), np.uint8)
    for _ in range(6):
        y, x = random.integers(0, height - 25), random.integers(0, width - 25)
        label[y : y + random.integers(6, 25), x : x + random.integers(6, 25)] = random.integers(1, 4)
    return label


def cell(label, y, x, factor):
    y, x = y // factor * factor, x // factor * factor
    return label[y : y + factor, x : x + factor]


@pytest.mark.parametrize("factor", [1, 3, 8, 64])
def test_repeated_readings_agree_with_a_look_at_every_pixel(factor):
    label = blobs()
    answers = {reading: resample(label, factor, reading) for reading in READINGS}
    for y, x in np.ndindex(label.shape):
        seen = cell(label, y, x, factor)
        middle = tuple(min(factor // 2, side - 1) for side in seen.shape)
        assert answers["first pixel, repeated"][y, x] == seen[0, 0]
        assert answers["middle pixel, repeated"][y, x] == seen[middle]
        assert answers["majority, repeated"][y, x] == np.bincount(seen.ravel()).argmax()


@pytest.mark.parametrize("reading", READINGS)
def test_a_factor_of_one_changes_nothing(reading):
    np.testing.assert_array_equal(resample(blobs(), 1, reading), blobs())


def test_bilinear_readings_agree_with_interpolation_written_out():
    label, factor = blobs(33, 40), 8
    answer = resample(label, factor, "area, bilinear")
    rows, columns = -(-33 // factor), -(-40 // factor)
    for y, x in np.ndindex(label.shape):
        scores = np.zeros(4)
        fy, fx = (y + 0.5) / factor - 0.5, (x + 0.5) / factor - 0.5
        for i, j in np.ndindex(rows + 2, columns + 2):
            weight = max(0, 1 - abs(fy - (i - 1))) * max(0, 1 - abs(fx - (j - 1)))
            seen = cell(label, min(max(i - 1, 0), rows - 1) * factor, min(max(j - 1, 0), columns - 1) * factor, factor)
            scores += weight * np.bincount(seen.ravel(), minlength=4) / seen.size
        assert scores[answer[y, x]] == pytest.approx(scores.max(), abs=1e-6)


@pytest.mark.parametrize("factor", [2, 7, 16, 128])
def test_the_studied_reading_resizes_as_pillow_does(factor):
    """Pillow's bilinear filter is antialiased where it reduces; of equal scores the lower label wins here."""
    label = blobs(75, 97)
    size = [max(1, int(side / factor + 0.5)) for side in (97, 75)]
    scores = []
    for value in range(4):
        plane = Image.fromarray((label == value).astype(np.float32))
        scores.append(np.array(plane.resize(size, Image.BILINEAR).resize((97, 75), Image.BILINEAR)))
    onehot = np.stack([label == value for value in range(4)]).astype(np.float32)
    np.testing.assert_allclose(antialias(onehot, factor), np.stack(scores), atol=2e-6)


@pytest.mark.parametrize("options", [{"exact": True}, {"mirrored": True}, {"round_up": True}])
def test_neighbours_of_the_studied_reading_agree_with_weights_written_out(options):
    """Of one row of 21 pixels in cells of 8: three cells rounded up or to the nearest, of 7 pixels or exactly 8."""
    row = np.random.default_rng(0).random(21)
    width = 8 if "exact" in options else 7
    cells = []
    for middle in (np.arange(3) + 0.5) * width - 0.5:
        pixels = range(-20, 40) if "mirrored" in options else range(21)
        weights = {j: max(0, 1 - abs(j - middle) / width) for j in pixels}
        seen = {j: row[-1 - j] if j < 0 else row[41 - j] if j > 20 else row[j] for j in weights}
        cells.append(sum(weights[j] * seen[j] for j in weights) / sum(weights.values()))
    expected = np.interp((np.arange(21) + 0.5) / width - 0.5, range(3), cells)
    found = antialias(row.reshape(1, 1, 21).astype(np.float32), 8, **options)
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-6)


def test_void_is_background_in_the_studied_reading():
    """Three quarters of the map are void; as background they outvote the object, and are not scored."""
    label = np.full((8, 8), 255)
    label[2:6, 2:6] = 1
    hists = count_confusions([label], 2, 255, [8], [STUDIED, "void to nearest"])
    assert hists[STUDIED][8].tolist() == [[0, 0], [16, 0]]
    assert hists["void to nearest"][8].tolist() == [[0, 0], [0, 16]]


def test_real_label_maps_give_the_numbers_of_another_program():
    """Every fourth map of seg11valid; the numbers are from a program that multiplies dense matrices."""
    maps = sorted(find_shared("data/seg11valid/SegmentationClass").glob("*.png"))[::4]
    labels = (np.array(Image.open(path)) for path in maps)
    hists = count_confusions(labels, 21, 255, [128, 64, 32], [STUDIED])[STUDIED]
    found = [100 * mean_iu(hist) for hist in hists.values()]
    assert len(maps) == 184
    assert found == pytest.approx([53.55, 74.40, 87.61], abs=0.01)


def test_an_edge_that_lies_between_cells_survives_and_one_within_a_cell_moves():
    label = np.zeros((32, 32), np.uint8)
    label[:, 16:] = 1
    for reading in READINGS:
        assert np.array_equal(resample(label, 8, reading), label)
    label[:, 14:] = 1
    assert np.array_equal(resample(label, 8, "majority, repeated")[0], np.arange(32) >= 16)
    assert np.array_equal(resample(label, 8, "first pixel, repeated")[0], np.arange(32) >= 16)


def test_void_is_neither_voted_for_nor_scored():
    label = np.zeros((16, 16), np.uint8)
    label[:, 8:] = 2
    label[:, 7:9] = 255
    assert np.array_equal(fill_void(label, 255)[0], 2 * (np.arange(16) >= 8))
    filled = [reading for reading in READINGS if READINGS[reading].label_void is fill_void]
    for by_factor in count_confusions([label], 3, 255, [4], filled).values():
        assert by_factor[4].sum() == 16 * 14 and np.trace(by_factor[4]) == 16 * 14


def test_a_map_of_nothing_but_void_counts_nothing():
    assert not any(
        hist.any() for each in count_confusions([np.full((9, 9), 255)], 3, 255).values() for hist in each.values()
    )


@pytest.mark.parametrize("reading", READINGS)
def test_finer_grids_bound_higher(reading):
    hists = count_confusions([blobs(160, 160, seed) for seed in range(8)], 4, None)[reading]
    values = [mean_iu(hists[factor]) for factor in FACTORS if factor <= 32]
    assert values == sorted(values) and values[-1] < 1
