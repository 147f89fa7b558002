import gc

import numpy as np
import pytest
import torch

from fcn_repro import caffe
from fcn_repro.caffe.blob import Blob, BlobVec
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import DEPLOY, TRAINABLE, small_net


def numbers(*shape: int) -> torch.Tensor:
    return torch.arange(1.0, 1 + torch.Size(shape).numel()).reshape(shape)


# ---- shape


@pytest.mark.parametrize(
    "dims",
    [(2, -1), (1,) * 33, (2**16, 2**15), (2**40,)],
    ids=["negative", "33 axes", "2^31 elements", "2^40 elements"],
)
def test_a_refused_shape_leaves_the_old_one(dims):
    blob = Blob((2, 3))
    with pytest.raises(CaffeError, match="a blob cannot have the shape .*at most 32 axes, none negative"):
        blob.reshape(*dims)
    assert blob.dims == (2, 3)


@pytest.mark.parametrize("dims", [(), (0,), (2, 0, 3), (1,) * 32])
def test_other_shapes_are_accepted_and_start_at_zero(dims):
    blob = Blob(dims)
    assert blob.is_blank and blob.gradient_is_blank
    assert blob.dims == blob.data.shape == blob.diff.shape == dims
    assert not blob.data.any() and not blob.diff.any()


def test_a_blob_has_pycaffes_shape_a_list_and_up_to_four_legacy_axes():
    scalar, bias, weight = Blob((2, 3)), Blob((5,)), Blob((4, 3))
    scalar.reshape()
    assert (scalar.count, scalar.data.shape) == (1, ())
    assert float(scalar.data) == scalar.data.flat[0] == 0
    assert (bias.num, bias.channels, bias.height, bias.width, bias.count) == (5, 1, 1, 1, 5)
    with pytest.raises(CaffeError, match="5 axes"):
        _ = Blob((1, 1, 1, 1, 1)).num
    assert weight.shape == [4, 3] and not isinstance(weight.shape, tuple)


@pytest.mark.parametrize("name", ["data", "diff", "shape", "num", "count"])
def test_refuses_dims_that_are_no_integers_or_named_and_attributes_are_read_only(name):
    for dim in 2.0, "2", (2, 3):
        with pytest.raises(TypeError):
            Blob((1,)).reshape(dim)
    for call in Blob((1,)).reshape, BlobVec().add_blob:
        with pytest.raises(RuntimeError, match=f"{call.__qualname__} takes no kwargs"):
            call(num=1)
    with pytest.raises(AttributeError):
        setattr(Blob((1,)), name, 1)


def test_a_larger_blob_starts_from_zeros_in_both_buffers_and_old_views_keep_the_old_one():
    blob = Blob((2,))
    blob.data[...] = blob.diff[...] = 5
    old = blob.data
    blob.reshape(3)
    assert blob.data.tolist() == blob.diff.tolist() == [0, 0, 0]
    blob.data[...] = 2
    assert old.tolist() == [5, 5]


def test_within_the_capacity_content_stays_in_flat_order():
    blob = Blob((2, 3))
    blob.store(numbers(2, 3))
    blob.store_gradient(-numbers(2, 3))
    memory = blob.data
    blob.reshape(2, 2)
    assert blob.data.tolist() == [[1, 2], [3, 4]]
    blob.reshape(3, 2)
    assert blob.data.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert blob.diff.tolist() == [[-1, -2], [-3, -4], [-5, -6]]
    memory[1, 2] = 9
    assert blob.data[2, 1] == 9


# ---- values and gradients of layers


def test_both_buffers_have_the_stored_order_or_c_order_and_gradients_of_two_orders_add_up():
    blob = Blob((3, 2))
    blob.store(numbers(2, 3).t())
    blob.store_gradient(-numbers(2, 3).t())
    for stored, tensor in ((blob.tensor_any_order, blob.tensor), (blob.gradient_any_order, blob.gradient)):
        assert not stored.is_contiguous() and tensor.is_contiguous() and torch.equal(stored, tensor)
    assert blob.data.tolist() == [[1, 4], [2, 5], [3, 6]] and blob.diff.tolist() == [[-1, -4], [-2, -5], [-3, -6]]
    other = Blob((3, 2))
    other.accumulate_gradient(numbers(2, 3).t())
    other.accumulate_gradient(numbers(3, 2))
    assert other.diff.tolist() == [[2, 6], [5, 9], [8, 12]]


@pytest.mark.parametrize("store", [Blob.store, Blob.store_gradient])
@pytest.mark.parametrize(
    ("tensor", "found"),
    [(torch.zeros(3), "float32 tensor of shape .3."), (torch.zeros(2, dtype=torch.int64), "int64 tensor of shape .2.")],
)
def test_refuses_a_tensor_of_another_shape_or_type(store, tensor, found):
    with pytest.raises(CaffeError, match=f"a torch.float32 blob of shape .2. got a torch.{found}"):
        store(Blob((2,)), tensor)


@pytest.mark.parametrize("has_view", [False, True])
def test_gradients_add_up_until_cleared(has_view):
    blob = Blob((2,))
    view = blob.diff if has_view else None
    blob.accumulate_gradient(numbers(2))
    blob.accumulate_gradient(numbers(2))
    assert blob.diff.tolist() == [2, 4]
    blob.clear_gradient()
    assert has_view or blob.gradient_is_blank
    blob.accumulate_gradient(numbers(2))
    assert blob.diff.tolist() == [1, 2] and (view is None or view.tolist() == [1, 2])


# ---- lazy gradients


class Lazy:
    """The gradient [1, 2], and how often it was computed."""

    def __init__(self) -> None:
        self.times = 0

    def whole(self) -> torch.Tensor:
        self.times += 1
        return numbers(2)

    def parts(self):
        yield slice(0, 2), self.whole()


def test_a_lazy_gradient_is_computed_once_at_the_first_read_or_at_once_for_a_view():
    blob, lazy = Blob((2,)), Lazy()
    blob.accumulate_lazy_gradient(lazy)
    assert not blob.gradient_is_blank and blob.lazy_gradient is lazy and lazy.times == 0
    view = blob.diff
    assert view.tolist() == [1, 2] and blob.gradient.tolist() == [1, 2]
    assert lazy.times == 1 and blob.lazy_gradient is None
    blob.clear_gradient()
    assert view.tolist() == [0, 0]
    blob.accumulate_lazy_gradient(Lazy())
    assert view.tolist() == [1, 2]


def test_a_lazy_gradient_can_be_cleared_or_replaced():
    blob, lazy = Blob((2,)), Lazy()
    blob.accumulate_lazy_gradient(lazy)
    blob.clear_gradient()
    assert blob.lazy_gradient is None and blob.gradient_is_blank
    blob.accumulate_lazy_gradient(lazy)
    blob.store_gradient(numbers(2) * 5)
    assert blob.lazy_gradient is None and blob.diff.tolist() == [5, 10] and lazy.times == 0


def test_lazy_and_other_gradients_add_up():
    blob, lazy = Blob((2,)), Lazy()
    blob.accumulate_lazy_gradient(lazy)
    blob.accumulate_gradient(numbers(2))
    assert blob.lazy_gradient is None
    blob.accumulate_lazy_gradient(lazy)
    assert blob.lazy_gradient is None and lazy.times == 2
    assert blob.diff.tolist() == [3, 6]


# ---- sharing


def test_data_and_diff_are_shared_separately():
    owner, sharer = Blob((2, 3)), Blob((3, 2))  # equal counts suffice
    sharer.share_data(owner)
    owner.data[0] = [1, 2, 3]
    owner.diff[...] = 5
    assert sharer.data.tolist() == [[1, 2], [3, 0], [0, 0]]
    assert not sharer.diff.any()
    sharer.share_diff(owner)
    assert (sharer.diff == 5).all() and sharer.shares_gradient(owner)
    sharer.store(numbers(3, 2))
    assert owner.data.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_smaller_blob_still_shares_and_a_larger_one_does_not():
    owner, sharer = Blob((4,)), Blob((4,))
    sharer.share_data(owner)
    sharer.reshape(2)
    owner.data[0] = 1
    assert sharer.data.tolist() == [1, 0]
    sharer.reshape(5)
    owner.data[0] = 2
    assert sharer.data[0] == 0


@pytest.mark.parametrize("share", [Blob.share_data, Blob.share_diff])
def test_refuses_to_share_with_a_blob_of_another_count(share):
    with pytest.raises(CaffeError, match=r"shapes \[2, 3\] and \[5\] cannot share memory: unequal counts"):
        share(Blob((2, 3)), Blob((5,)))


# ---- in a net


def test_a_view_writes_to_the_net_and_shows_every_later_result(tmp_path):
    net = small_net(tmp_path, DEPLOY, caffe.TEST)
    net.params["score"][0].data[...] = 0
    net.params["score"][0].data[2] = 1
    net.params["score"][1].data.flat = range(5)
    net.blobs["data"].data[1, :, 0, 1] = [1, 2, 3]
    assert net.forward()["score"][1].tolist() == [0, 1, 2 + 6, 3, 4]
    first, second = net.blobs["score"].data, net.blobs["score"].data
    row, flat = second[3], net.blobs["score"].data.flat
    del second
    gc.collect()
    net.blobs["data"].data[...] = 7
    score = net.forward()["score"]
    np.testing.assert_array_equal(first, score)
    np.testing.assert_array_equal(row, score[3])
    np.testing.assert_array_equal(list(flat), score.ravel())


def test_added_blobs_are_zero_and_params_are_lists_of_blobs(tmp_path):
    blobs = BlobVec()
    blobs.add_blob(2, 3)
    blobs.add_blob()
    assert [list(blob.shape) for blob in blobs] == [[2, 3], []] and not blobs[0].data.any()
    blobs = small_net(tmp_path, TRAINABLE).params["conv"]
    assert [list(blob.shape) for blob in blobs] == [[11, 2, 2, 2], [11]] and blobs[-1] is blobs[1]
    with pytest.raises(IndexError):
        _ = blobs[2]


def test_arrays_outlive_the_net(tmp_path):
    net = small_net(tmp_path)
    net.forward()
    net.backward()
    params = [blob for blobs in net.params.values() for blob in blobs]
    expected = [blob.data.sum() + blob.diff.sum() for blob in params]
    arrays = [(blob.data, blob.diff) for blob in params]
    activations = list(net.blobs.values())
    del net, params
    gc.collect()
    assert [data.sum() + diff.sum() for data, diff in arrays] == expected
    assert all(np.isfinite(blob.data.sum()) for blob in activations)
