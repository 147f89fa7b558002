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
data = L.Input()


def scale_and_shift(top_from, top_to):
    _, scale, shift = coord_map_from_to(top_from, top_to)
    return np.ravel(scale).tolist(), np.ravel(shift).tolist()


def conv(bottom, kernel_size=1, **param):
    return L.Convolution(bottom, kernel_size=kernel_size, **param)


def deconv(bottom, **param):
    return L.Deconvolution(bottom, convolution_param=param)


# ---- laws of the algebra


@given(maps, maps, maps)
def test_composition_is_associative(f, g, h):
    assert compose(f, compose(g, h)) == pytest.approx(compose(compose(f, g), h))


@given(maps, maps, st.integers(-10, 10))
def test_composition_applies_the_inner_map_first_and_a_map_and_its_inverse_cancel(outer, inner, x):
    (_, a1, b1), (_, a2, b2) = outer, inner
    _, a, b = compose(outer, inner)
    assert a * x + b == pytest.approx(a1 * (a2 * x + b2) + b1)
    assert compose(outer, inverse(outer)) == pytest.approx((1, 1, 0))


# ---- maps of layers


@pytest.mark.parametrize("kernel, stride, pad", [(1, 1, 0), (2, 2, 0), (3, 2, 1), (7, 2, 3), (11, 4, 100)])
def test_each_output_cell_is_at_the_centre_of_its_window(kernel, stride, pad):
    centre_of_cell_0 = np.mean([-pad + i for i in range(kernel)])
    assert scale_and_shift(conv(data, kernel, stride=stride, pad=pad), data) == ([stride], [centre_of_cell_0])


trunk = conv(data, 3)
PATHS = {
    "dilation enlarges the window": (conv(data, 3, dilation=4), data, [1], [4]),
    "a deconvolution inverts a convolution": (
        data, deconv(conv(data, 3, stride=2, pad=5), kernel_size=3, stride=2, pad=5), [1], [0]
    ),
    "pooling composes with a convolution": (
        data, L.Pooling(conv(data, 3, pad=1), kernel_size=2, stride=2), [0.5], [-0.25]
    ),
    "a crop subtracts its offset": (
        data, L.Crop(data, L.Input(), crop_param=dict(axis=2, offset=[7])), [1], [-7]
    ),
    "a rectangular window has one coefficient per axis": (
        data, conv(data, [3, 5], stride=[1, 2], pad=[1, 0]), [1, 0.5], [0, -1]
    ),
    "two branches meet at their nearest common ancestor": (conv(trunk, 5), conv(trunk, 3), [1], [1]),
    **{
        f"{kind} keeps coordinates": (trunk, getattr(L, kind)(trunk), [1], [0])
        for kind in ("ReLU", "Dropout", "LRN", "Scale", "BatchNorm", "PReLU", "Split")
    },
}  # fmt: skip


@pytest.mark.parametrize("top_from, top_to, scale, shift", PATHS.values(), ids=PATHS)
def test_maps_follow_the_layers_between(top_from, top_to, scale, shift):
    assert scale_and_shift(top_from, top_to) == (scale, shift)


# ---- crop


def fcn(kernel: int, stride: int, pools: int, pool_kernel: int, fc_kernel: int, upsampling: int):
    """The layers of a released net that move coordinates."""
    top = conv(data, kernel, stride=stride, pad=100)
    for _ in range(pools):
        top = L.Pooling(top, kernel_size=pool_kernel, stride=2)
    return deconv(conv(top, fc_kernel), kernel_size=upsampling, stride=32)


padded = conv(data, pad=10)
CROPS = {
    "padding": (padded, 2, [10]),
    "a crop before": (conv(L.Crop(padded, data, crop_param=dict(axis=2, offset=[4]))), 2, [6]),
    "per axis": (conv(data, [1, 3], pad=[3, 6]), 2, [3, 5]),
    "behind the convolution's channel axis": (conv(data, pad=2, axis=2), 3, [2]),
    "FCN-VGG16": (fcn(3, 1, 5, 2, 7, 64), 2, [19]),
    "FCN-AlexNet": (fcn(11, 4, 3, 3, 6, 63), 2, [18]),
}


@pytest.mark.parametrize("top, axis, offset", CROPS.values(), ids=CROPS)
def test_crop_finds_axis_and_offset(top, axis, offset):
    assert crop(top, data).fn.params["crop_param"] == {"axis": axis, "offset": offset}


# ---- refusals


@pytest.mark.parametrize("top", [L.Input(), L.Crop(L.Input(), data, crop_param=dict(axis=2, offset=[7]))])
def test_refuses_tops_without_a_path(top):
    with pytest.raises(RuntimeError, match="Could not compute map between tops"):
        coord_map_from_to(top, data)


@pytest.mark.parametrize("kind", ["InnerProduct", "Concat", "Softmax", "Flatten", "Slice"])
def test_a_path_ends_at_a_layer_without_geometry(kind: str):
    top = getattr(L, kind)(data)
    with pytest.raises(UndefinedMapException, match=kind):
        coord_map(top.fn)
    with pytest.raises(RuntimeError):
        crop(top, data)


@pytest.mark.parametrize(
    "top, complaint",
    [
        (L.Pooling(data, kernel_size=2, stride=2), r"scale mismatch on crop \(a = \[2\.\]\)"),
        (conv(data, 3), r"cannot crop negative offset \(b = \[1\.\]\)"),
        (conv(data, 2, pad=2), r"cannot crop noninteger offset \(b = \[-1\.5\]\)"),
        (conv(data, kernel_h=3, kernel_w=3), "does not support windows given by kernel_h, kernel_w"),
        (data, "no layer between the tops defines the spatial axes"),
    ],
    ids=["scales", "negative", "half a pixel", "kernel_h", "itself"],
)
def test_refuses_a_crop_that_cannot_align(top, complaint):
    with pytest.raises(AssertionError, match=complaint):
        crop(top, data)


def test_refuses_maps_of_different_axes():
    with pytest.raises(AxisMismatchException, match="axis 1 after axis 2"):
        compose((1, 1, 0), (2, 1, 0))
