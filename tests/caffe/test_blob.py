import pytest
import torch

from fcn_repro.caffe.blob import Blob, BlobVec
from fcn_repro.caffe.errors import CaffeError


def numbers(*shape: int) -> torch.Tensor:
    return torch.arange(1.0, 1 + torch.Size(shape).numel()).reshape(shape)


# ---- shape


@pytest.mark.parametrize(
    "dims",
    [(2, -1), (1,) * 33, (2**16, 2**15), (2**40,)],
    ids=["negative", "33 axes", "2^31 elements", "2^40 elements"],
)
def test_refuses_a_shape_and_keeps_the_one_it_has(dims):
    blob = Blob((2, 3))
    with pytest.raises(CaffeError, match="a blob cannot have the shape .*at most 32 axes, none negative"):
        blob.reshape(*dims)
    assert blob.dims == (2, 3)


@pytest.mark.parametrize("dims", [(), (0,), (2, 0, 3), (1,) * 32])
def test_any_other_shape_will_do(dims):
    blob = Blob(dims)
    assert blob.dims == dims
    assert blob.data.shape == blob.diff.shape == dims


def test_a_fresh_blob_is_zero():
    blob = Blob((2, 3))
    assert blob.is_blank and blob.gradient_is_blank
    assert not blob.data.any() and not blob.diff.any()


def test_both_buffers_may_be_read_as_they_lie_and_are_in_c_order_for_all_others():
    blob = Blob((3, 2))
    blob.store(numbers(2, 3).t())
    blob.store_gradient(-numbers(2, 3).t())
    for lying, tensor in ((blob.tensor_as_it_lies, blob.tensor), (blob.gradient_as_it_lies, blob.gradient)):
        assert not lying.is_contiguous() and tensor.is_contiguous() and torch.equal(lying, tensor)


def test_gradients_of_two_orders_add_up():
    blob = Blob((3, 2))
    blob.accumulate_gradient(numbers(2, 3).t())
    blob.accumulate_gradient(numbers(3, 2))
    assert blob.diff.tolist() == [[2, 6], [5, 9], [8, 12]]


def test_growing_begins_with_zeros_in_both_buffers():
    blob = Blob((2,))
    blob.data[...] = blob.diff[...] = 5
    blob.reshape(3)
    assert blob.data.tolist() == blob.diff.tolist() == [0, 0, 0]


def test_within_its_room_content_stays_in_flat_order():
    blob = Blob((2, 3))
    blob.store(numbers(2, 3))
    blob.store_gradient(-numbers(2, 3))
    blob.reshape(2, 2)
    assert blob.data.tolist() == [[1, 2], [3, 4]]
    blob.reshape(3, 2)
    assert blob.data.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert blob.diff.tolist() == [[-1, -2], [-3, -4], [-5, -6]]


def test_room_that_was_had_once_is_kept():
    blob = Blob((6,))
    memory = blob.data
    blob.reshape(2)
    blob.reshape(6)
    memory[5] = 1
    assert blob.data[5] == 1


# ---- what layers hand over


def test_takes_values_and_gradient():
    blob = Blob((2,))
    blob.store(numbers(2))
    blob.store_gradient(2 * numbers(2))
    assert (blob.data.tolist(), blob.diff.tolist()) == ([1, 2], [2, 4])
    assert (blob.tensor.tolist(), blob.gradient.tolist()) == ([1, 2], [2, 4])


@pytest.mark.parametrize("store", [Blob.store, Blob.store_gradient])
@pytest.mark.parametrize(
    ("tensor", "found"),
    [(torch.zeros(3), "float32 tensor of shape .3."), (torch.zeros(2, dtype=torch.int64), "int64 tensor of shape .2.")],
)
def test_refuses_a_tensor_of_another_shape_or_type(store, tensor, found):
    with pytest.raises(CaffeError, match=f"{found} was stored in a torch.float32 blob of shape .2."):
        store(Blob((2,)), tensor)


def test_gradients_add_up_until_they_are_cleared():
    blob = Blob((2,))
    blob.accumulate_gradient(numbers(2))
    blob.accumulate_gradient(numbers(2))
    assert blob.diff.tolist() == [2, 4]
    blob.clear_gradient()
    assert blob.gradient_is_blank
    blob.accumulate_gradient(numbers(2))
    assert blob.diff.tolist() == [1, 2]


def test_a_gradient_that_is_watched_adds_up_all_the_same():
    blob = Blob((2,))
    watched = blob.diff
    blob.accumulate_gradient(numbers(2))
    blob.clear_gradient()
    blob.accumulate_gradient(numbers(2))
    assert watched.tolist() == [1, 2]


class Made:
    """A gradient of [1, 2], and how often it was made."""

    def __init__(self) -> None:
        self.times = 0

    def whole(self) -> torch.Tensor:
        self.times += 1
        return numbers(2)

    def parts(self):
        yield slice(0, 2), self.whole()


def test_a_promised_gradient_is_made_once_when_somebody_looks():
    blob, made = Blob((2,)), Made()
    blob.promise_gradient(made)
    assert not blob.gradient_is_blank and blob.promised_gradient is made and made.times == 0
    assert blob.diff.tolist() == [1, 2] and blob.gradient.tolist() == [1, 2]
    assert made.times == 1 and blob.promised_gradient is None


def test_a_promised_gradient_adds_up_with_others():
    blob, made = Blob((2,)), Made()
    blob.promise_gradient(made)
    blob.accumulate_gradient(numbers(2))
    assert blob.promised_gradient is None
    blob.promise_gradient(made)
    assert blob.promised_gradient is None and made.times == 2
    assert blob.diff.tolist() == [3, 6]


def test_a_promised_gradient_is_made_at_once_for_whoever_holds_a_view():
    blob, made = Blob((2,)), Made()
    watched = blob.diff
    blob.clear_gradient()
    blob.promise_gradient(made)
    assert watched.tolist() == [1, 2]


def test_a_promised_gradient_can_be_forgotten_or_replaced():
    blob, made = Blob((2,)), Made()
    blob.promise_gradient(made)
    blob.clear_gradient()
    assert blob.promised_gradient is None and blob.gradient_is_blank
    blob.promise_gradient(made)
    blob.store_gradient(numbers(2) * 5)
    assert blob.promised_gradient is None and blob.diff.tolist() == [5, 10] and made.times == 0


# ---- sharing


def test_data_and_diff_are_shared_each_by_itself():
    owner, sharer = Blob((2, 3)), Blob((3, 2))  # equal counts will do
    sharer.share_data(owner)
    owner.data[0] = [1, 2, 3]
    owner.diff[...] = 5
    assert sharer.data.tolist() == [[1, 2], [3, 0], [0, 0]]
    assert not sharer.diff.any()
    sharer.share_diff(owner)
    assert (sharer.diff == 5).all()


def test_what_one_sharer_stores_the_other_sees():
    owner, sharer = Blob((2,)), Blob((2,))
    sharer.share_data(owner)
    sharer.store(numbers(2))
    assert owner.data.tolist() == [1, 2]


def test_shrinking_keeps_sharing_and_growing_ends_it():
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


def test_added_blobs_are_zero():
    blobs = BlobVec()
    blobs.add_blob(2, 3)
    blobs.add_blob()
    assert [list(blob.shape) for blob in blobs] == [[2, 3], []]
    assert not blobs[0].data.any()
