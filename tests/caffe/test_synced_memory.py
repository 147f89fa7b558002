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


def test_is_zero_until_first_written(memory):
    assert memory.is_blank
    assert memory.view((2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert not memory.is_blank


def test_reading_gives_zeros_that_are_the_buffer(memory):
    memory.read((2,), CPU).add_(1)
    assert memory.view((2,)).tolist() == [1, 1]


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (2, 3)])
def test_every_shape_has_a_view_and_a_tensor(memory, shape):
    memory.write(numbers(*shape))
    assert memory.view(shape).shape == shape
    assert memory.read(shape, CPU).shape == shape
    assert memory.view(shape).flags.writeable


def test_a_result_that_nobody_looks_at_is_kept_and_not_copied(memory):
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
def test_any_part_of_a_view_that_is_held_shows_later_results(memory, part):
    held = part(memory.view((2, 3)))
    others = [memory.view((2, 3)), memory.view((6,))]
    del others
    gc.collect()
    memory.write(numbers(2, 3))
    assert list(np.array(held).ravel()) == list(np.array(part(memory.view((2, 3)))).ravel())
    assert np.array(held).any()


def test_strides_of_a_result_do_not_matter(memory):
    memory.write(numbers(2, 3).t())
    assert memory.read((3, 2), CPU).tolist() == [[1, 4], [2, 5], [3, 6]]
    assert memory.view((6,)).tolist() == [1, 4, 2, 5, 3, 6]
    memory.read((3, 2), CPU)[0, 0] = 9
    assert memory.view((6,))[0] == 9


def test_who_takes_any_order_gets_it_as_it_lies_until_others_have_read(memory):
    memory.write(numbers(2, 3).t())
    lying = memory.read((3, 2), CPU, any_order=True)
    assert lying.tolist() == [[1, 4], [2, 5], [3, 6]] and not lying.is_contiguous()
    lying[0, 0] = 9
    assert memory.read((3, 2), CPU).is_contiguous()
    again = memory.read((3, 2), CPU, any_order=True)
    assert again.tolist() == [[9, 4], [2, 5], [3, 6]] and again.is_contiguous()


def test_another_shape_is_in_c_order_for_who_takes_any_order_too(memory):
    memory.write(numbers(2, 3).t())
    assert memory.read((2, 2), CPU, any_order=True).tolist() == [[1, 4], [2, 5]]
    assert memory.view((6,)).tolist() == [1, 4, 2, 5, 3, 6]


def test_strides_do_not_matter_under_a_view_that_is_held(memory):
    held = memory.view((6,))
    memory.write(numbers(2, 3).t())
    assert held.tolist() == [1, 4, 2, 5, 3, 6]


def test_another_shape_sees_the_first_elements_in_flat_order(memory):
    memory.write(numbers(2, 3))
    assert memory.read((2, 2), CPU).tolist() == [[1, 2], [3, 4]]
    memory.read((2,), CPU).zero_()
    assert memory.view((6,)).tolist() == [0, 0, 3, 4, 5, 6]


def test_grows_with_zeros(memory):
    memory.write(numbers(2))
    assert memory.view((2, 2)).tolist() == [[1, 2], [0, 0]]


def test_a_smaller_result_goes_under_a_larger_view_that_is_held(memory):
    held = memory.view((6,))
    memory.write(numbers(2, 2))
    assert held.tolist() == [1, 2, 3, 4, 0, 0]
    assert memory.view((2, 2)).tolist() == [[1, 2], [3, 4]]


def test_a_larger_result_leaves_a_view_that_is_held_behind(memory):
    held = memory.view((2,))
    memory.write(numbers(4))
    assert held.tolist() == [0, 0]
    assert memory.view((4,)).tolist() == [1, 2, 3, 4]


def test_a_result_may_be_the_buffer_itself(memory):
    held = memory.view((4,))
    tensor = memory.read((4,), CPU)
    memory.write(tensor.add_(1))
    memory.write(tensor.reshape(2, 2))
    assert held.tolist() == [1, 1, 1, 1]


def test_clearing_makes_it_zero_and_blank(memory):
    memory.write(numbers(2))
    memory.clear()
    assert memory.is_blank
    assert memory.read((2,), CPU).tolist() == [0, 0]


def test_clearing_shows_in_a_view_that_is_held(memory):
    held = memory.view((2,))
    memory.write(numbers(2))
    memory.clear()
    assert held.tolist() == [0, 0]
    memory.read((2,), CPU).add_(3)
    assert held.tolist() == [3, 3]


@pytest.mark.parametrize("let_go", [lambda m: m.clear(), lambda m: m.write(numbers(1000))], ids=["clear", "write"])
def test_memory_that_nobody_looks_at_any_more_is_let_go(memory, let_go):
    below = np.ones(1000, np.float32)
    gone = weakref.ref(below)
    memory.write(torch.from_numpy(below))
    memory.view((1000,))
    del below
    let_go(memory)
    gc.collect()
    assert gone() is None


# ---- on a GPU


@needs_gpu
def test_a_result_on_a_gpu_shows_in_the_next_view_and_refreshes_the_held_one(memory):
    held = memory.view((2,))
    memory.write(numbers(2).to(GPU))
    assert held.tolist() == [0, 0]  # as in Caffe: refreshed when the next view is asked for
    assert memory.view((2,)).tolist() == held.tolist() == [1, 2]


@needs_gpu
def test_what_is_written_into_a_view_reaches_the_gpu(memory):
    memory.write(numbers(2).to(GPU))
    memory.view((2,))[...] = 7
    assert memory.read((2,), GPU).device == GPU
    assert memory.read((2,), GPU).tolist() == [7, 7]


@needs_gpu
def test_back_on_the_cpu_a_view_that_is_held_is_the_buffer_again(memory):
    held = memory.view((2,))
    memory.read((2,), GPU).add_(1)
    memory.read((2,), CPU).add_(1)
    assert held.tolist() == [2, 2]


@needs_gpu
def test_clearing_on_a_gpu_shows_in_the_next_view(memory):
    held = memory.view((2,))
    memory.write(numbers(2).to(GPU))
    memory.clear()
    assert memory.view((2,)).tolist() == held.tolist() == [0, 0]
