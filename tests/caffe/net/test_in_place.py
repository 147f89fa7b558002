"""In-place layers: one blob has the values and gradients of bottom and top."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import small_net

X = np.float32([[-2, -0.5, 0, 0.25], [0.5, 1, 1.5, 3], [-1, 4, -3, 0.125]]).reshape(1, 3, 2, 2)
DY = np.linspace(-1, 2, X.size, dtype=np.float32).reshape(X.shape)
TEXT = """
force_backward: true
layer {{ name: "in" type: "Input" top: "x" input_param {{ shape {{ dim: 1 dim: 3 dim: 2 dim: 2 }} }} }}
layer {{ name: "layer" type: "{}" bottom: "x" top: "y" {} }}
"""


def run(folder, type_: str, param: str, in_place: bool, phase: int = caffe.TRAIN, has_views: bool = False):
    """Return values, the bottom's gradient and the parameters' gradients of a forward and backward pass."""
    text = TEXT.format(type_, param)
    net = small_net(folder, text.replace('"y"', '"x"') if in_place else text, phase)
    bottom, top = net.blobs["x"], net.blobs["x" if in_place else "y"]
    held = (bottom.data, bottom.diff, top.data, top.diff) if has_views else ()
    caffe.set_random_seed(3)
    bottom.data[...] = X
    net.forward()
    y = top.data.copy()
    top.diff[...] = DY
    net.backward()
    del held
    return y, bottom.diff.copy(), [blob.diff.copy() for blob in net.layer_dict["layer"].blobs]


CORRECT = [
    *((type_, "") for type_ in ("ReLU", "PReLU", "Dropout", "Sigmoid", "TanH", "Softmax", "BatchNorm")),
    ("ReLU", "relu_param { negative_slope: 0.5 }"),
    ("PReLU", "prelu_param { filler { value: -0.5 } channel_shared: true }"),
    ("ELU", "elu_param { alpha: 0.5 }"),
    ("Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }"),
    ("Swish", "swish_param { beta: 2 }"),
    ("Scale", "scale_param { filler { value: 3 } bias_term: true }"),
    ("Bias", "bias_param { filler { value: 3 } }"),
]


@pytest.mark.parametrize("has_views", [False, True], ids=["", "views"])
@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST], ids=["train", "test"])
@pytest.mark.parametrize(("type_", "param"), CORRECT)
def test_in_place_equals_separate_blobs(tmp_path, type_, param, phase, has_views):
    separate, in_place = (run(tmp_path, type_, param, place, phase, has_views) for place in (False, True))
    for expected, found in zip([*separate[:2], *separate[2]], [*in_place[:2], *in_place[2]], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("type_", "param", "gradient"),
    [
        ("BNLL", "", lambda y: DY / (1 + np.exp(-y))),
        ("Clip", "clip_param { min: -1 max: 1 }", lambda y: DY),  # all of y is inside the range
        ("ReLU", "relu_param { negative_slope: -0.5 }", lambda y: np.where(y > 0, DY, -0.5 * DY)),
        ("ELU", "elu_param { alpha: -1 }", lambda y: np.where(y > 0, DY, DY * (y - 1))),
        # in these Caffe overwrites the gradient
        ("Power", "power_param { scale: 3 shift: 20 }", lambda y: 3 * DY),
        ("Power", "power_param { power: 2 scale: 3 shift: 20 }", lambda y: 6 * (20 + 3 * y) * DY),
        ("Log", "log_param { base: 2 shift: 20 }", lambda y: DY / (np.log(2) * (20 + y))),
    ],
)
def test_the_gradient_is_taken_at_the_top_as_in_caffe(tmp_path, type_, param, gradient):
    y, dx, _ = run(tmp_path, type_, param, in_place=True)
    np.testing.assert_array_equal(y, run(tmp_path, type_, param, in_place=False)[0])
    np.testing.assert_allclose(dx, gradient(y), rtol=1e-6)


@pytest.mark.parametrize(
    ("type_", "param"),
    [
        *((type_, "") for type_ in ("AbsVal", "Flatten", "Split", "LRN")),
        *((type_, "convolution_param { num_output: 3 kernel_size: 1 }") for type_ in ("Convolution", "Deconvolution")),
        ("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }"),
        ("Pooling", "pooling_param { kernel_size: 1 }"),
    ],
)
def test_refuses_to_work_in_place(tmp_path, type_, param):
    with pytest.raises(CaffeError, match=rf"net.prototxt: layer 'layer' \({type_}\) cannot work in place"):
        run(tmp_path, type_, param, in_place=True)


@pytest.mark.parametrize(("operation", "combine"), [("PROD", np.multiply), ("MAX", np.maximum)])
def test_products_and_maxima_may_be_in_place_but_not_sums(tmp_path, operation, combine):
    text = TEXT.format("Eltwise", f'bottom: "z" eltwise_param {{ operation: {operation} }}').replace('"y"', '"x"')
    text = text.replace('top: "x" input', 'top: "x" top: "z" input', 1)
    net = small_net(tmp_path, text)
    net.blobs["x"].data[...], net.blobs["z"].data[...] = X, DY
    net.forward()
    np.testing.assert_array_equal(net.blobs["x"].data, combine(X, DY))
    with pytest.raises(CaffeError, match=r"layer 'layer' \(Eltwise\) cannot sum in place"):
        small_net(tmp_path, text.replace(operation, "SUM"))


@pytest.mark.parametrize(
    ("shape", "param", "overwrites"),
    [
        ((1, 3, 2, 2), "", True),  # one image: the dims before axis 1 are 1
        ((2, 3, 2, 2), "", False),
        ((2, 3, 2, 2), "axis: 0 num_axes: -1", True),  # one factor per element
        ((2, 3, 2, 2), "axis: 0", True),  # nothing before axis 0
        ((1, 3, 2, 2), "num_axes: 0", False),  # a scalar
        ((1, 1, 2, 2), "", False),  # one factor
        ((2, 3, 2, 2), "axis: 1 num_axes: 3", False),
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
def test_the_gradient_of_scales_factor_is_overwritten_or_adds_up_as_in_caffe(
    tmp_path, shape, param, overwrites, in_place
):
    dims = " ".join(f"dim: {d}" for d in shape)
    text = TEXT.format("Scale", f"scale_param {{ {param} bias_term: true }}")
    text = text.replace("dim: 1 dim: 3 dim: 2 dim: 2", dims)
    net = small_net(tmp_path, text.replace('"y"', '"x"') if in_place else text)
    x = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
    dy = np.cos(x)
    found = []
    for _ in range(2):
        net.blobs["x"].data[...] = x
        net.forward()
        net.blobs["x" if in_place else "y"].diff[...] = dy
        net.backward()
        found.append([blob.diff.copy() for blob in net.params["layer"]])
    factor, bias = net.params["layer"]
    axis = int(param.partition("axis: ")[2][:1] or 1) if factor.shape else 0
    others = tuple(i for i in range(4) if not axis <= i < axis + len(factor.shape))
    np.testing.assert_allclose(found[0][0], (x * dy).sum(others), rtol=1e-5)
    np.testing.assert_allclose(found[1][0], (1 if overwrites else 2) * (x * dy).sum(others), rtol=1e-5)
    np.testing.assert_allclose(found[1][1], 2 * dy.sum(others), rtol=1e-5, atol=1e-6)
