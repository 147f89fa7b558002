import numpy as np
import pytest

from fcn_repro.caffe import CaffeError
from tests.fixtures.layers.one_layer import OneLayer

SCORES = np.float32(np.random.RandomState(0).standard_normal((2, 4, 3, 5)))
LABELS = np.float32(np.random.RandomState(1).randint(0, 4, (2, 1, 3, 5)))
LABELS[0, 0, 0, :3] = 255
VALID = 2 * 3 * 5 - 3


def built(param: str, scores=SCORES, labels=LABELS) -> OneLayer:
    return OneLayer("SoftmaxWithLoss", [scores, labels], param)


def total() -> float:
    """The sum over positions that are not ignored, in float64."""
    scores = SCORES.astype(np.float64)
    log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    picked = np.take_along_axis(log_p, np.minimum(LABELS, 3).astype(int), 1)
    return -picked[LABELS != 255].sum()


@pytest.mark.parametrize(
    ("param", "divisor"),
    [
        ("", VALID),
        ("normalization: VALID", VALID),
        ("normalization: FULL", 30),
        ("normalization: BATCH_SIZE", 2),
        ("normalization: NONE", 1),
        ("normalize: true", VALID),
        ("normalize: false", 2),
        ("normalize: false normalization: FULL", 30),
    ],
)
def test_normalization_selects_the_divisor(param, divisor):
    layer = built(f"loss_param {{ ignore_label: 255 {param} }}")
    assert layer.forward() == pytest.approx(total() / divisor, rel=1e-5)
    gradient = layer.backward(2.0)
    assert np.abs(gradient).sum() > 0
    assert (gradient[0, :, 0, :3] == 0).all()
    probability = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
    assert gradient[1, 0, 0, 0] == pytest.approx(
        2 / divisor * (probability[1, 0, 0, 0] - (LABELS[1, 0, 0, 0] == 0)), rel=1e-4
    )


def test_an_image_without_labels_has_loss_0():
    layer = built("loss_param { ignore_label: 255 }", labels=np.full_like(LABELS, 255))
    assert layer.forward() == 0
    assert (layer.backward() == 0).all()


def test_the_loss_of_a_position_is_bounded_by_the_least_float():
    layer = built("", np.float32([[1000, 0]]), np.float32([1]))
    assert layer.forward() == pytest.approx(87.33655)
    assert layer.backward()[0].tolist() == [1, -1]


def test_labels_are_truncated_towards_zero():
    fractions = np.where(LABELS == 255, 255, LABELS + 0.9)
    param = "loss_param { ignore_label: 255 }"
    assert built(param, labels=fractions).forward() == built(param).forward()


def test_refuses_a_label_outside_the_classes_and_a_wrong_number_of_labels():
    with pytest.raises(CaffeError, match=r"got the label 255 in bottom 'b1'; expected 0 to 3: check the label images"):
        built("").forward()
    with pytest.raises(CaffeError, match="got 20 labels; expected one per position, 30"):
        built("", labels=np.zeros((2, 2, 5), np.float32))
