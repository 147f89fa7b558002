"""Packed filters give the tops of unpacked ones, rectified as Caffe does, by oneDNN or afterwards."""

import pytest
import torch
import torch.nn.functional as F

from fcn_repro.caffe.kernels import packed_filters
from fcn_repro.caffe.kernels.packed_filters import LIMIT, FrozenFilters
from fcn_repro.layer_params.conv_window import ConvWindow

SLIDE = ConvWindow((3, 3), (1, 1), (1, 1), (1, 1))
KINDS = {"f32": 1e-5, "bf16": 2**-7}
needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch is without oneDNN")
PACKED = {"f32": True, "bf16": torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()}


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def rectified_by_onednn(monkeypatch):
    """What oneDNN was asked to do to its sums, in every pass."""
    asked = []
    multiplied = packed_filters._multiply
    monkeypatch.setattr(packed_filters, "_multiply", lambda *given: (asked.append(given[-1]), multiplied(*given))[1])
    return asked


@needs_onednn
@pytest.mark.parametrize("precision", KINDS)
@pytest.mark.parametrize("bias", [drawn(72, seed=1), None], ids=["bias", "no bias"])
@pytest.mark.parametrize("size, pad", [((12, 9), None), ((40, 31), (0, 0)), ((12, 9), (2, 1))])
def test_tops_are_those_of_a_convolution_and_relu(monkeypatch, rectified_by_onednn, precision, bias, size, pad):
    monkeypatch.setenv("PRECISION", precision)
    weight, x = drawn(72, 16, 3, 3), drawn(2, 16, 12, 9, seed=2)
    for rectify in False, True:
        filters = FrozenFilters(weight, bias, SLIDE, 1, size, rectify)
        assert filters.kind == (torch.bfloat16 if precision == "bf16" else torch.float32)
        found = filters(x, pad, float(x.abs().max()))
        exact = F.conv2d(x.double(), weight.double(), None if bias is None else bias.double(), padding=pad or (1, 1))
        exact = exact.clamp(min=0) if rectify else exact
        assert abs(found - exact).max() <= KINDS[precision] * abs(exact).max()
    assert rectified_by_onednn == (["none", "relu"] if PACKED[precision] else [])


@needs_onednn
@pytest.mark.parametrize("precision", KINDS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("where", ["bottom", "filters", "bias"])
@pytest.mark.parametrize("channels", [16, 3])
def test_nan_and_infinities_are_not_rectified_away(monkeypatch, rectified_by_onednn, precision, value, where, channels):
    monkeypatch.setenv("PRECISION", precision)
    weight, bias, x = drawn(72, channels, 3, 3), drawn(72, seed=1), drawn(1, channels, 12, 9, seed=2)
    {"bottom": x, "filters": weight, "bias": bias}[where].view(-1)[7] = value
    found = FrozenFilters(weight, bias, SLIDE, 1, (14, 11), True)(x, None, float(x.abs().max()))
    expected = F.conv2d(x, weight, bias, padding=1).clamp(min=0)
    assert set(rectified_by_onednn) <= {"none"}
    within = slice(None), slice(None), slice(1, -1), slice(1, -1)  # what padding makes of filters is up to the library
    found, expected = found[within], expected[within]
    assert not expected.isfinite().all() or (where, value) == ("bias", -torch.inf)
    if channels == 16 or precision == "f32":
        assert torch.equal(found.isnan(), expected.isnan()) and torch.equal(found.isinf(), expected.isinf())
    else:  # of two halves one may be 0, and 0 times infinity is NaN
        assert not found.isfinite()[~expected.isfinite()].any()


@pytest.mark.skipif(not PACKED["bf16"], reason="here bfloat16 is imitated, and images are multiplied in f32")
@pytest.mark.parametrize("bias", [drawn(64, seed=1), None], ids=["bias", "no bias"])
def test_with_bf16_an_image_is_multiplied_as_finely_as_with_f32_and_rounded_once(monkeypatch, bias):
    monkeypatch.setenv("PRECISION", "bf16")
    weight, x = drawn(64, 3, 3, 3), 128 * drawn(1, 3, 40, 31, seed=2)
    filters = FrozenFilters(weight, bias, SLIDE, 1, (42, 33), False)
    found = filters(x, None, float(x.abs().max()))
    exact = F.conv2d(x.double(), weight.double(), None if bias is None else bias.double(), padding=1)
    assert filters.kind == torch.float32 and found.dtype == torch.bfloat16
    assert (abs(found - exact) <= 2**-8 * abs(exact) + 2**-16 * abs(exact).max()).all()


@pytest.mark.parametrize("group", [1, 4])
def test_no_value_of_a_top_exceeds_the_bound(group):
    for seed in range(20):
        weight, bias = drawn(8, 16 // group, 3, 3, seed=seed), drawn(8, seed=seed)
        worst = weight[3].sign().repeat(group, 1, 1)[None] * 5  # the bottom that one of the filters answers most
        bound = FrozenFilters(weight, bias, SLIDE, group, (5, 5), False).bound(5.0)
        for x in worst, drawn(1, 16, 9, 9, seed=seed).clamp(-5, 5):
            top = F.conv2d(x, weight, bias, groups=group)
            assert top.abs().max() <= bound * (1 + 1e-6)
        most = float(weight.abs().sum((1, 2, 3)).max()) * 5
        assert most <= bound <= (most + float(bias.abs().max())) * (1 + 1e-6)


@needs_onednn
def test_sums_that_may_overflow_are_rectified_afterwards(rectified_by_onednn):
    weight, x = drawn(72, 16, 3, 3), drawn(1, 16, 12, 9, seed=2)
    filters = FrozenFilters(weight, None, SLIDE, 1, (14, 11), True)
    gain = filters.bound(1.0)
    for largest in LIMIT / gain * 0.99, LIMIT / gain * 1.01, torch.inf, torch.nan:
        filters(x, None, largest)
    assert rectified_by_onednn == ["relu", "none", "none", "none"]
