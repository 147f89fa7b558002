import numpy as np
import pytest

from fcn_repro.caffe.solver.smoothed_loss import SmoothedLoss

LOSSES = [4.0, 2.0, 9.0, 1.0, 5.0, 6.0, 0.0]


@pytest.mark.parametrize("window", [1, 2, 3, 7, 100])
def test_is_the_mean_of_the_last_losses(window):
    loss = SmoothedLoss(window)
    for count, value in enumerate(LOSSES, start=1):
        loss.add(value)
        assert loss.value == pytest.approx(np.mean(LOSSES[max(0, count - window) : count]), rel=1e-6)


def test_is_float32_and_drifts_as_such():
    loss = SmoothedLoss(2)
    for value in (1e8, 1.0, 1.0, 1.0):
        loss.add(value)
    assert loss.value.dtype == np.float32
    assert loss.value == 0  # 5e7 + (1 - 1e8) / 2; float32 drops the ones
