import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn_repro.caffe.coord_map import (
    AxisMismatchException,
    UndefinedMapException,
    compose,
    coord_map,
    coord_map_from_to,
    crop,
    inverse,
)
from fcn_repro.caffe.net_spec import layers as L

coefficients = st.integers(-64, 64).map(lambda eighths: eighths / 8)
scales = st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0])
maps = st.tuples(st.just(1), scales, coefficients)


def scale_and_shift(top_from, top_to):
    _, scale, shift = coord_map_from_to(top_from, top_to)
    return np.ravel(scale).tolist(), np.ravel(shift).tolist()


def offset(cropped) -> list:
    return cropped.fn.params["crop_param"]["offset"]


# ---- laws of the algebra


@given(maps, maps, maps)
def test_composition_is_associative(f, g, h):
    assert compose(f, compose(g, h)) == pytest.approx(compose(compose(f, g), h))


@given(maps)
def test_a_map_and_its_inverse_cancel(f):
    assert compose(f, inverse(f)) == pytest.approx((1, 1, 0))


@given(maps, maps, st.integers(-10, 10))
def test_composition_applies_the_inner_map_first(outer, inner, x):
    (_, a1, b1), (_, a2, b2) = outer, inner
    _, a, b = compose(outer, inner)
    assert a * x + b == pytest.approx(a1 * (a2 * x + b2) + b1)


# ---- what layers do to coordinates


def test_each_output_cell_lies_at_the_centre_of_its_window():
    data = L.Input()
    for kernel, stride, pad in [(1, 1, 0), (2, 2, 0), (3, 2, 1), (7, 2, 3), (11, 4, 100)]:
        conv = L.Convolution(data, kernel_size=kernel, stride=stride, pad=pad)
        centre_of_cell_0 = np.mean([-pad + i for i in range(kernel)])
        assert scale_and_shift(conv, data) == ([stride], [centre_of_cell_0])


def test_dilation_spreads_the_window():
    data = L.Input()
    dilated = L.Convolution(data, kernel_size=3, dilation=4)
    assert scale_and_shift(dilated, data) == ([1], [4])


def test_padding_moves_convolution_one_way_and_deconvolution_the_other():
    data = L.Input()
    there = L.Convolution(data, kernel_size=3, stride=2, pad=5)
    back = L.Deconvolution(there, convolution_param=dict(kernel_size=3, stride=2, pad=5))
    assert scale_and_shift(data, back) == ([1], [0])


def test_pooling_after_convolution_composes():
    data = L.Input()
    pool = L.Pooling(L.Convolution(data, kernel_size=3, pad=1), kernel_size=2, stride=2)
    assert scale_and_shift(data, pool) == ([0.5], [-0.25])


def test_pointwise_layers_leave_coordinates_alone():
    data = L.Input()
    conv = L.Convolution(data, kernel_size=5)
    for layer in (L.ReLU, L.Dropout, L.LRN, L.Scale, L.BatchNorm, L.PReLU, L.Split):
        assert scale_and_shift(conv, layer(conv)) == ([1], [0])


def test_a_crop_takes_its_offset_away_and_ignores_its_reference():
    data, reference = L.Input(), L.Input()
    cropped = L.Crop(data, reference, crop_param=dict(axis=2, offset=[7]))
    assert scale_and_shift(data, cropped) == ([1], [-7])
    with pytest.raises(RuntimeError):
        coord_map_from_to(cropped, reference)


def test_rectangular_windows_have_one_coefficient_per_axis():
    data = L.Input()
    rect = L.Convolution(data, kernel_size=[3, 5], stride=[1, 2], pad=[1, 0])
    assert scale_and_shift(rect, data) == ([1, 2], [0, 2])


def test_the_nearest_common_ancestor_joins_two_branches():
    data = L.Input()
    trunk = L.Convolution(data, kernel_size=3)
    one, other = L.Convolution(trunk, kernel_size=5), L.Convolution(trunk, kernel_size=3)
    assert scale_and_shift(one, other) == ([1], [1])


# ---- crop


def test_crop_finds_the_offset_that_padding_left():
    data = L.Input()
    padded = L.Convolution(data, kernel_size=1, pad=10)
    assert offset(crop(padded, data)) == [10]
    assert crop(padded, data).fn.params["crop_param"]["axis"] == 2


def test_crop_of_a_crop_adds_up():
    data = L.Input()
    padded = L.Convolution(data, kernel_size=1, pad=10)
    part = L.Crop(padded, data, crop_param=dict(axis=2, offset=[4]))
    assert offset(crop(L.Convolution(part, kernel_size=1), data)) == [6]


def test_crop_per_axis():
    data = L.Input()
    assert offset(crop(L.Convolution(data, kernel_size=[1, 3], pad=[3, 6]), data)) == [3, 5]


def test_crop_axis_follows_the_convolutions_channel_axis():
    data = L.Input()
    nd = L.Convolution(data, kernel_size=1, pad=2, axis=2)
    assert crop(nd, data).fn.params["crop_param"] == {"axis": 3, "offset": [2]}


def test_released_nets_final_offsets():
    """VGG with pad 100 and kernel 64: 19; AlexNet with kernel 63: 18. Chains cut down to what moves coordinates."""
    data = L.Input()
    top = L.Convolution(data, kernel_size=3, pad=100)
    for _ in range(5):
        top = L.Pooling(top, kernel_size=2, stride=2)
    vgg = L.Convolution(top, kernel_size=7)
    assert offset(crop(L.Deconvolution(vgg, convolution_param=dict(kernel_size=64, stride=32)), data)) == [19]
    top = L.Convolution(data, kernel_size=11, stride=4, pad=100)
    for _ in range(3):
        top = L.Pooling(top, kernel_size=3, stride=2)
    alexnet = L.Convolution(top, kernel_size=6)
    assert offset(crop(L.Deconvolution(alexnet, convolution_param=dict(kernel_size=63, stride=32)), data)) == [18]


# ---- refusals


def test_refuses_unconnected_tops():
    with pytest.raises(RuntimeError, match="Could not compute map between tops"):
        coord_map_from_to(L.Input(), L.Input())


@pytest.mark.parametrize("kind", ["InnerProduct", "Concat", "Softmax", "Flatten", "Slice"])
def test_the_walk_stops_at_layers_without_geometry(kind: str):
    data = L.Input()
    with pytest.raises(UndefinedMapException, match=kind):
        coord_map(getattr(L, kind)(data).fn)
    with pytest.raises(RuntimeError):
        crop(getattr(L, kind)(data), data)


def test_refuses_to_crop_across_scales():
    data = L.Input()
    with pytest.raises(AssertionError, match=r"scale mismatch on crop \(a = \[2\.\]\)"):
        crop(L.Pooling(data, kernel_size=2, stride=2), data)


def test_refuses_a_negative_offset():
    data = L.Input()
    with pytest.raises(AssertionError, match=r"cannot crop negative offset \(b = \[1\.\]\)"):
        crop(L.Convolution(data, kernel_size=3), data)


def test_refuses_half_a_pixel():
    data = L.Input()
    with pytest.raises(AssertionError, match=r"cannot crop noninteger offset \(b = \[-1\.5\]\)"):
        crop(L.Convolution(data, kernel_size=2, pad=2), data)


def test_refuses_maps_about_different_axes():
    with pytest.raises(AxisMismatchException, match="axis 1 after axis 2"):
        compose((1, 1, 0), (2, 1, 0))


def test_refuses_windows_given_by_name():
    with pytest.raises(AssertionError, match="does not support windows given by kernel_h, kernel_w"):
        coord_map(L.Convolution(L.Input(), kernel_size=1, kernel_h=3, kernel_w=3).fn)


def test_refuses_to_crop_a_blob_to_itself():
    data = L.Input()
    with pytest.raises(AssertionError, match="no layer between the tops says which axes are spatial"):
        crop(data, data)
