import numpy as np
import pytest

from tests.fixtures.layers.one_layer import OneLayer


def test_overlapping_kernels_add_up():
    """With kernel 3 and stride 2, every second inner pixel is covered by two positions."""
    ones = np.ones((2, 3, 6, 4), np.float32)
    built = OneLayer(
        "Deconvolution",
        [ones],
        "convolution_param { num_output: 4 kernel_size: 3 stride: 2 "
        'weight_filler { type: "constant" value: 1 } bias_filler { value: 0.1 } }',
    )
    y = built.forward()
    assert y.shape == (2, 4, 13, 9)
    times = [np.where((np.arange(n) % 2 == 0) & (np.arange(n) > 0) & (np.arange(n) < n - 1), 2, 1) for n in (13, 9)]
    assert y[1, 2] == pytest.approx(0.1 + 3 * np.outer(*times))


def test_inverts_the_output_size_of_a_convolution():
    x = np.zeros((1, 2, 5, 9), np.float32)
    window = "kernel_size: 4 stride: 2 pad: 1"
    wide = OneLayer("Deconvolution", [x], f"convolution_param {{ num_output: 1 {window} }}").top[0]
    back = OneLayer("Convolution", [wide.data], f"convolution_param {{ num_output: 1 {window} }}").top[0]
    assert back.dims[2:] == (5, 9)


def test_grouped_bilinear_kernels_preserve_a_constant_away_from_the_border():
    x = np.full((1, 3, 6, 6), 7, np.float32)
    y = OneLayer(
        "Deconvolution",
        [x],
        "convolution_param { num_output: 3 group: 3 kernel_size: 4 stride: 2 pad: 1 bias_term: false "
        'weight_filler { type: "bilinear" } }',
    ).forward()
    assert y[:, :, 1:-1, 1:-1] == pytest.approx(7)
