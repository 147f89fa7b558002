import gc
import weakref

import numpy as np
import pytest
import torch

from fcn_repro.caffe.synced_memory import SyncedMemory

CPU = torch.device("cpu")
GPU = torch.device("cuda", 0)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def numbers(*shape: int) -> torch.Tensor:
    return torch.arange(1.0, 1 + int(np.prod(shape))).reshape(shape)


@pytest.fixture
def memory():
    return SyncedMemory()


def test_is_zero_until_the_first_write(memory):
    assert memory.is_blank
    assert memory.view((2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert not memory.is_blank
    memory.read((6,), CPU).add_(1)
    assert (memory.view((2, 3)) == 1).all()


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (2, 3)])
def test_every_shape_has_a_view_and_a_tensor(memory, shape):
    memory.write(numbers(*shape))
    assert memory.view(shape).shape == shape
    assert memory.read(shape, CPU).shape == shape
    assert memory.view(shape).flags.writeable


def test_a_result_without_views_is_not_copied(memory):
    result = numbers(4)
    memory.write(result)
    assert memory.read((4,), CPU).data_ptr() == result.data_ptr()
    assert memory.view((4,)).ctypes.data == result.data_ptr()


def test_a_view_and_a_tensor_are_one_memory(memory):
    view, tensor = memory.view((2, 2)), memory.read((2, 2), CPU)
    view[0, 1] = 5
    tensor[1, 0] = 6
    assert tensor.tolist() == view.tolist() == [[0, 5], [6, 0]]


@pytest.mark.parametrize(
    "part",
    [lambda v: v, lambda v: v[1:], lambda v: v[1, 1:2], lambda v: v.T, lambda v: v.reshape(-1), lambda v: v.flat,
     memoryview, lambda v: torch.from_numpy(v).numpy()],
    ids=["all", "rows", "one", "transposed", "flat", "iterator", "memoryview", "tensor"],
)  # fmt: skip
def test_any_part_of_a_view_shows_later_results(memory, part):
    held = part(memory.view((2, 3)))
    others = [memory.view((2, 3)), memory.view((6,))]
    del others
    gc.collect()
    memory.write(numbers(2, 3))
    assert list(np.array(held).ravel()) == list(np.array(part(memory.view((2, 3)))).ravel())
    assert np.array(held).any()


def test_a_read_in_any_order_keeps_strides_until_a_read_in_c_order(memory):
    memory.write(numbers(2, 3).t())
    stored = memory.read((3, 2), CPU, any_order=True)
    assert stored.tolist() == [[1, 4], [2, 5], [3, 6]] and not stored.is_contiguous()
    stored[0, 0] = 9
    assert memory.read((3, 2), CPU).is_contiguous()
    again = memory.read((3, 2), CPU, any_order=True)
    assert again.tolist() == [[9, 4], [2, 5], [3, 6]] and again.is_contiguous()
    again[0, 0] = 1
    assert memory.view((6,)).tolist() == [1, 4, 2, 5, 3, 6]


def test_another_shape_has_the_first_elements_in_c_order_and_further_ones_are_zero(memory):
    memory.write(numbers(2, 3).t())
    assert memory.read((2, 2), CPU, any_order=True).tolist() == [[1, 4], [2, 5]]
    assert memory.view((6,)).tolist() == [1, 4, 2, 5, 3, 6]
    memory.write(numbers(2, 3))
    assert memory.read((2, 2), CPU).tolist() == [[1, 2], [3, 4]]
    memory.read((2,), CPU).zero_()
    assert memory.view((6,)).tolist() == [0, 0, 3, 4, 5, 6]
    assert memory.view((2, 4)).tolist() == [[0, 0, 3, 4], [5, 6, 0, 0]]


@pytest.mark.parametrize(
    ("size", "result", "shown", "content"),
    [
        (6, numbers(2, 3).t(), [1, 4, 2, 5, 3, 6], [1, 4, 2, 5, 3, 6]),
        (6, numbers(2, 2), [1, 2, 3, 4, 0, 0], [1, 2, 3, 4]),
        (2, numbers(4), [0, 0], [1, 2, 3, 4]),
    ],
    ids=["other strides", "smaller", "larger: the view keeps the old memory"],
)
def test_a_view_shows_results_that_fit(memory, size, result, shown, content):
    view = memory.view((size,))
    memory.write(result)
    assert view.tolist() == shown
    assert memory.view((len(content),)).tolist() == content


def test_a_result_may_be_the_buffer_itself(memory):
    view = memory.view((4,))
    tensor = memory.read((4,), CPU)
    memory.write(tensor.add_(1))
    memory.write(tensor.reshape(2, 2))
    assert view.tolist() == [1, 1, 1, 1]


def test_clearing_makes_the_buffer_blank_and_shows_in_a_view(memory):
    memory.write(numbers(2))
    memory.clear()
    assert memory.is_blank and memory.read((2,), CPU).tolist() == [0, 0]
    view = memory.view((2,))
    memory.write(numbers(2))
    memory.clear()
    assert view.tolist() == [0, 0]
    memory.read((2,), CPU).add_(3)
    assert view.tolist() == [3, 3]


@pytest.mark.parametrize("free", [lambda m: m.clear(), lambda m: m.write(numbers(1000))], ids=["clear", "write"])
def test_memory_without_views_is_freed(memory, free):
    below = np.ones(1000, np.float32)
    gone = weakref.ref(below)
    memory.write(torch.from_numpy(below))
    memory.view((1000,))
    del below
    free(memory)
    gc.collect()
    assert gone() is None


# ---- on a GPU


@needs_gpu
def test_a_result_on_a_gpu_shows_in_the_next_view_and_refreshes_an_existing_one(memory):
    view = memory.view((2,))
    memory.write(numbers(2).to(GPU))
    assert view.tolist() == [0, 0]  # as in Caffe: the next call of view refreshes it
    assert memory.view((2,)).tolist() == view.tolist() == [1, 2]
    memory.clear()
    assert memory.view((2,)).tolist() == view.tolist() == [0, 0]


@needs_gpu
def test_values_written_to_a_view_reach_the_gpu(memory):
    memory.write(numbers(2).to(GPU))
    memory.view((2,))[...] = 7
    assert memory.read((2,), GPU).device == GPU
    assert memory.read((2,), GPU).tolist() == [7, 7]


@needs_gpu
def test_back_on_the_cpu_an_existing_view_is_the_buffer_again(memory):
    view = memory.view((2,))
    memory.read((2,), GPU).add_(1)
    memory.read((2,), CPU).add_(1)
    assert view.tolist() == [2, 2]
