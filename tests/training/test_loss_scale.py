import pytest

from fcn_repro.engine import caffe
from fcn_repro.model.loss_heads import Head
from fcn_repro.training.loss_scale import convert_rate

SHAPE = (1, 1, 375, 500)


def rate(normalization="BATCH_SIZE", shape=SHAPE, **solver):
    head = Head("score", "label", "loss", 255, normalization, 1.0)
    return convert_rate(head, caffe.proto.caffe_pb2.SolverParameter(**solver), shape)


def test_rates_on_a_sum_are_converted_for_a_mean_and_the_reverse():
    text = rate(base_lr=1e-10, momentum=0.99)
    assert text.startswith("base_lr 1e-10 on a loss summed over pixels is about 1.9e-05 on a mean over 500x375 pixels")
    assert text.endswith("momentum 0.99 scales each gradient by 100 in total")
    text = rate("VALID", base_lr=1e-4, momentum=0.9)
    expected = "base_lr 0.0001 on a loss averaged over pixels is about 5.3e-10 on a sum over 500x375 pixels"
    assert text.startswith(expected)


@pytest.mark.parametrize(
    "shape, solver", [((10, 1, 1, 1), {}), ((10,), {}), (SHAPE, {"type": "Adam"}), (SHAPE, {"type": "RMSProp"})]
)
def test_nothing_is_reported_where_pixels_or_the_gradients_size_do_not_matter(shape, solver):
    assert rate(shape=shape, base_lr=1e-3, **solver) == ""
