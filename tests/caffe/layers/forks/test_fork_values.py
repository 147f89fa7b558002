"""The forks' layers against values by hand, and against numpy loops over their formulas."""

import math

import numpy as np
import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.forks import find_fork_layer
from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.layers.one_layer import OneLayer

random = np.random.RandomState(3)


def outer_sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# ---- Interp


def test_interp_keeps_the_corners_and_interpolates_between():
    made = OneLayer("Interp", [[[[[0, 4], [8, 20]]]]], "interp_param { zoom_factor: 4 }").forward()
    assert made.tolist() == [[[[0, 1, 2, 3, 4], [2, 3.5, 5, 6.5, 8], [4, 6, 8, 10, 12], [6, 8.5, 11, 13.5, 16],
                               [8, 11, 14, 17, 20]]]]  # fmt: skip


def test_interp_shrinks_to_every_second_cell_of_the_cropped_bottom():
    x = np.arange(42.0).reshape(1, 1, 6, 7)
    made = OneLayer("Interp", [x], "interp_param { shrink_factor: 2 pad_beg: -1 pad_end: 0 }").forward()
    assert made.tolist() == [[[[8, 10.5, 13], [22, 24.5, 27], [36, 38.5, 41]]]]


@pytest.mark.parametrize("height, width", [(3, 9), (11, 4), (1, 1), (4, 6)])
def test_interp_is_the_forks_sum_of_four_cells(height: int, width: int):
    x = random.standard_normal((2, 3, 4, 6))
    made = OneLayer("Interp", [x], f"interp_param {{ height: {height} width: {width} }}").forward()
    for i, j in np.ndindex(height, width):
        r, c = (n * (old - 1) / (new - 1) if new > 1 else 0 for n, old, new in ((i, 4, height), (j, 6, width)))
        r0, c0 = int(r), int(c)
        r1, c1 = min(r0 + 1, 3), min(c0 + 1, 5)
        top = (1 - c + c0) * x[:, :, r0, c0] + (c - c0) * x[:, :, r0, c1]
        bottom = (1 - c + c0) * x[:, :, r1, c0] + (c - c0) * x[:, :, r1, c1]
        np.testing.assert_allclose(made[:, :, i, j], (1 - r + r0) * top + (r - r0) * bottom, atol=1e-5)


# ---- BN


def test_segnets_bn_learns_by_the_batch_in_both_phases_and_gives_its_statistics():
    x = np.array([1, 3, 5, 7.0]).reshape(2, 1, 1, 2)
    text = "bn_param { scale_filler { value: 2 } shift_filler { value: 1 } bn_mode: LEARN }"
    for phase in (caffe_pb2.TRAIN, caffe_pb2.TEST):
        layer = OneLayer("BN", [x], text, tops=3, phase=phase)
        made = layer.forward().ravel()  # mean 4, variance 5
        assert made == pytest.approx([1 + 2 * v / math.sqrt(5) for v in (-3, -1, 1, 3)])
        assert (layer.top[1].data.item(), layer.top[2].data.item()) == pytest.approx((4, 5))


def test_segnets_bn_only_scales_and_shifts_in_inference():
    text = "bn_param { scale_filler { value: 2 } shift_filler { value: 1 } bn_mode: INFERENCE }"
    assert OneLayer("BN", [[[[[1, -4.0]]]]], text).forward().ravel().tolist() == [3, -7]


def test_pspnets_bn_keeps_running_statistics_and_uses_them_in_test():
    text = "bn_param { slope_filler { value: 2 } bias_filler { value: 1 } momentum: 0.75 eps: 0.25 }"
    x = np.array([1, 3, 5, 7.0]).reshape(2, 1, 1, 2)
    train = OneLayer("BN", [x], text)
    assert train.forward().ravel() == pytest.approx([1 + 2 * v / math.sqrt(5.25) for v in (-3, -1, 1, 3)])
    assert [blob.data.item() for blob in train.layer.blobs] == pytest.approx([2, 1, 1, 1.25])
    test = OneLayer("BN", [x], text, phase=caffe_pb2.TEST)
    test.layer.blobs[2].data[...], test.layer.blobs[3].data[...] = 4, 2
    assert test.forward().ravel() == pytest.approx([1 + 2 * v / 1.5 for v in (-3, -1, 1, 3)])


def test_a_frozen_bn_trains_nothing_and_starts_as_the_identity_on_normal_inputs():
    layer = OneLayer("BN", [[[[[3.0]]]]], "bn_param { slope_filler { value: 1 } frozen: true eps: 0 }")
    assert layer.forward().item() == 3
    assert [spec.lr_mult for spec in layer.layer.param.param] == [0, 0, 0, 0]


@pytest.mark.parametrize("text, complaint", [("", "no field"), ("bn_mode: LEARN frozen: true", "fields of both forks")])
def test_bn_refuses_fields_that_do_not_decide_the_fork(text: str, complaint: str):
    with pytest.raises(CaffeError, match=rf"'layer' \(BN\) got {complaint} .* --dialect segnet or pspnet"):
        OneLayer("BN", [np.zeros((1, 1, 1, 1))], f"bn_param {{ {text} }}")


# ---- unpooling


@pytest.mark.parametrize("text", ["upsample_param { scale: 2 }", "upsample_param { upsample_h: 4 upsample_w: 6 }"])
def test_upsample_returns_maxima_to_where_pooling_found_them(text: str):
    x = random.standard_normal((2, 3, 4, 6))
    pooled = OneLayer("Pooling", [x], "pooling_param { kernel_size: 2 stride: 2 }", tops=2)
    pooled.forward()
    layer = OneLayer("Upsample", [pooled.top[0].data, pooled.top[1].data], text)
    blocks = x.reshape(2, 3, 2, 2, 3, 2)
    is_largest = (blocks == blocks.max((3, 5), keepdims=True)).reshape(x.shape)
    np.testing.assert_allclose(layer.forward(), np.where(is_largest, x, 0), rtol=1e-6)
    given = random.standard_normal(x.shape)
    assert layer.backward(given).sum() == pytest.approx((given * is_largest).sum(), rel=1e-5)


def test_unpooling_without_a_mask_fills_the_first_cell_of_each_window():
    text = "unpooling_param { unpool: MAX kernel_size: 2 stride: 2 unpool_size: 4 }"
    made = OneLayer("Unpooling", [[[[[1, 2], [3, 4.0]]]]], text).forward()
    assert made.tolist() == [[[[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]]]


@pytest.mark.parametrize(
    "type_, text, complaint",
    [
        ("Upsample", "upsample_param { scale: 2 }", r"mask values 99 to 99 for a top of \[2, 2\].*0 to 3"),
        ("Upsample", "upsample_param { scale_h: 2 }", "part of a scale"),
        ("Upsample", "upsample_param { scale: 3 pad_out_h: true }", "pad_out"),
        ("Unpooling", "unpooling_param { unpool: TILE kernel_size: 2 }", "unpool TILE; expected MAX"),
        ("Unpooling", "", "no kernel"),
    ],
)
def test_unpooling_refuses(type_: str, text: str, complaint: str):
    with pytest.raises(CaffeError, match=complaint):
        OneLayer(type_, [[[[[1.0]]]], [[[[99.0]]]]], text).forward()


# ---- losses

SCORES = random.standard_normal((2, 3, 2, 2))
LABELS = np.array([0, 1, 2, 1, 1, 0, 0, 255]).reshape(2, 1, 2, 2)
LOG_P = SCORES - np.log(np.exp(SCORES).sum(1, keepdims=True))
WEIGHTS = np.array([0.5, 2, 4])


def weighted_loss() -> tuple[float, float]:
    """Sum of w * -log p, and of w, over the labels that are not 255, by a loop."""
    loss = weight = 0.0
    for n, _, i, j in np.ndindex(LABELS.shape):
        label = LABELS[n, 0, i, j]
        if label != 255:
            loss -= WEIGHTS[label] * LOG_P[n, label, i, j]
            weight += WEIGHTS[label]
    return loss, weight


def test_segnets_loss_divides_by_positions_and_deeplabs_by_weights(tmp_path):
    factors = " ".join(f"class_weighting: {w}" for w in WEIGHTS)
    text = f"loss_param {{ weight_by_label_freqs: true ignore_label: 255 {factors} }}"
    loss, weight = weighted_loss()
    assert OneLayer("SoftmaxWithLoss", [SCORES, LABELS], text).forward().item() == pytest.approx(loss / 7, rel=1e-5)
    by_image = text.replace("ignore_label", "normalize: false ignore_label")
    assert OneLayer("SoftmaxWithLoss", [SCORES, LABELS], by_image).forward().item() == pytest.approx(loss / 2, rel=1e-5)
    (tmp_path / "w.txt").write_text("0.5\n2 4\n")
    deeplab = f'softmaxloss_param {{ weight_source: "{tmp_path}/w.txt" ignore_label: 255 }}'
    made = OneLayer("SoftmaxWithLoss", [SCORES, LABELS], deeplab).forward().item()
    assert made == pytest.approx(loss / weight, rel=1e-5)


def test_class_weights_that_are_not_used_leave_caffes_loss():
    param = caffe_pb2.LayerParameter(type="SoftmaxWithLoss")
    param.loss_param.class_weighting.extend([1, 2])
    assert find_fork_layer(param) is None


@pytest.mark.parametrize("text", ["1 2", "1 -2 3", "1 x 3", "1 nan 2", None])
def test_refuses_weights_that_do_not_fit(tmp_path, text: str | None):
    path = tmp_path / "w.txt"
    if text:
        path.write_text(text)
    with pytest.raises(CaffeError, match="weights"):
        OneLayer("SoftmaxWithLoss", [SCORES, LABELS], f'softmaxloss_param {{ weight_source: "{path}" }}')


BALANCED = {  # the fork's fields -> the loss and the gradient of x = 0, 1, -2, 3 with targets 1, 0, 0, 2
    "others_have_gradient: true": (1, 0, 2 / 3, 1 / 3, [None, None, None, outer_sigmoid(3) - 2]),
    "negative_weight: 1.1": (1, 0, 2 / 3, 1.1 / 3, [None, None, None, 0]),
    "nonzero_is_positive: true": (2, 0, 1 / 2, 1 / 2, [None, None, None, (outer_sigmoid(3) - 1) / 2]),
}


@pytest.mark.parametrize("text", BALANCED)
def test_the_balanced_loss_weighs_edges_by_the_share_of_background(text: str):
    x, target = [0.0, 1.0, -2.0, 3.0], [1.0, 0.0, 0.0, 2.0]
    positives, _, edge, ground, slopes = BALANCED[text]
    layer = OneLayer(
        "ClassBalancedSigmoidCrossEntropyLoss", [np.reshape(x, (1, 1, 2, 2)), np.reshape(target, (1, 1, 2, 2))],
        f"balanced_loss_param {{ {text} }}",
    )  # fmt: skip
    loss = edge * math.log(2) + ground * sum(-math.log(1 - outer_sigmoid(v)) for v in (1.0, -2.0))
    loss += edge * -math.log(outer_sigmoid(3)) if positives == 2 else 0
    assert layer.forward().item() == pytest.approx(loss, rel=1e-5)
    expected = [-0.5 * edge, outer_sigmoid(1) * ground, outer_sigmoid(-2) * ground, slopes[3]]
    assert layer.backward().ravel() == pytest.approx(expected, rel=1e-5)


def test_the_balanced_loss_counts_each_image_alone():
    x, target = np.zeros((2, 1, 1, 2)), np.array([[1, 0], [0, 0]]).reshape(2, 1, 1, 2)
    made = OneLayer("ClassBalancedSigmoidCrossEntropyLoss", [x, target]).forward().item()
    assert made == pytest.approx(math.log(2) / 2)  # the second image has no edge, so its background weighs 0


# ---- the rest


def test_axpy_adds_scaled_channels():
    x, y = np.arange(8.0).reshape(1, 2, 2, 2), np.ones((1, 2, 2, 2))
    made = OneLayer("Axpy", [[[2, 10.0]], x, y]).forward()
    assert made.ravel().tolist() == [1, 3, 5, 7, 41, 51, 61, 71]


def test_normalize_divides_by_the_norm_of_cells_or_images():
    x = np.array([3, 0, 4, 5.0]).reshape(1, 2, 1, 2)  # cells (3, 4) and (0, 5); the image has the norm sqrt(50)
    cells = OneLayer("Normalize", [x], "norm_param { across_spatial: false scale_filler { value: 10 } }").forward()
    assert cells.ravel() == pytest.approx([6, 0, 8, 10])
    assert OneLayer("Normalize", [x]).forward().ravel() == pytest.approx(x.ravel() / math.sqrt(50))


def test_permute_moves_axes_and_appends_the_rest():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert (OneLayer("Permute", [x], "permute_param { order: 2 order: 0 }").forward() == x.transpose(2, 0, 1)).all()


@pytest.mark.parametrize("order", ["order: 3", "order: 1 order: 1"])
def test_permute_refuses_axes_that_are_missing_or_doubled(order: str):
    with pytest.raises(CaffeError, match="expected each axis once"):
        OneLayer("Permute", [np.zeros((2, 3, 4))], f"permute_param {{ {order} }}")


def test_seg_accuracy_scores_pixels_classes_and_iu_and_adds_up_without_reset():
    """True 0 0 1 1, found 0 1 1 1, and an ignored pixel; class 2 never occurs and counts as IU 1."""
    scores = np.zeros((1, 3, 1, 5))
    scores[0, [0, 1, 1, 1, 2], 0, range(5)] = 1
    labels = np.array([0, 0, 1, 1, 255.0]).reshape(1, 1, 1, 5)
    param = "seg_accuracy_param { ignore_label: 255 reset: %s }"
    first = [3 / 4, (1 / 2 + 1) / 2, (1 / 2 + 2 / 3 + 1) / 3]
    for reset in ("true", "false"):
        layer = OneLayer("SegAccuracy", [scores, labels], param % reset)
        assert layer.forward().ravel() == pytest.approx(first)
        layer.write([scores, np.array([0, 1, 1, 1, 255.0]).reshape(1, 1, 1, 5)])  # all right
        second = [1, 1, 1] if reset == "true" else [7 / 8, (2 / 3 + 1) / 2, (2 / 3 + 5 / 6 + 1) / 3]
        assert layer.forward().ravel() == pytest.approx(second)


def test_seg_accuracy_gives_ties_to_the_last_class():
    assert OneLayer("SegAccuracy", [np.zeros((1, 2, 1, 1)), np.ones((1, 1, 1, 1))]).forward().ravel()[0] == 1


def test_sampled_dropout_drops_in_test_too():
    x = np.ones((1, 1, 40, 40))
    text = "dropout_param { dropout_ratio: 0.5 sample_weights_test: true }"
    made = OneLayer("Dropout", [x], text, phase=caffe_pb2.TEST).forward()
    assert set(np.unique(made)) == {0, 2} and 0.4 < (made == 0).mean() < 0.6
