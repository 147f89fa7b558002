import pytest

from fcn_repro.engine import caffe
from nets.googlenet import googlenet
from nets.idioms import L, Style, crop, upsample


def chain(first_kernel: int, first_pad: int):
    """Five poolings over a padded convolution: a cell's centre is an integer or a half, depending on the kernel."""
    data = L.Input()
    top = L.Convolution(data, kernel_size=first_kernel, pad=first_pad)
    for _ in range(5):
        top = L.Pooling(top, kernel_size=2, stride=2)
    return data, top


@pytest.mark.parametrize(("first_kernel", "kernel"), [(3, 64), (2, 63)])
def test_upsampling_kernel_has_the_parity_that_meets_the_grid(first_kernel: int, kernel: int):
    """First cell: -40 + 1 + 15.5 = -23.5 or -40 + 0.5 + 15.5 = -24; the kernels' centres are 31.5 and 31 after it."""
    data, top = chain(first_kernel, 40)
    up = upsample(top, data, classes=5)
    assert up.fn.params["convolution_param"] == dict(num_output=5, kernel_size=kernel, stride=32, bias_term=False)
    assert crop(up, data).fn.params["crop_param"]["offset"] == [55]


def test_all_branches_of_inception_modules_lie_on_each_other():
    n = caffe.NetSpec()
    n.data = L.Input()
    googlenet(n, Style())
    concats = [top.fn for top in n.tops.values() if top.fn.type_name == "Concat"]
    assert len(concats) == 9
    for concat in concats:
        first, *others = concat.inputs
        for other in others:
            _, scale, shift = caffe.coord_map.coord_map_from_to(first, other)
            assert (float(scale[0]), float(shift[0])) == (1, 0)


def test_crop_sees_past_concatenation():
    data = L.Input()
    left, right = (L.Convolution(data, kernel_size=1, pad=7) for _ in range(2))
    assert crop(L.Convolution(L.Concat(left, right), kernel_size=1), data).fn.params["crop_param"]["offset"] == [7]


def test_narrow_nets_round_their_channels():
    conv, _ = Style(width=1 / 8).conv_relu(L.Input(), 4096)
    assert conv.fn.params["num_output"] == 512


def test_fc_layers_are_the_same_function_written_two_ways():
    data = L.Input()
    dense, _ = Style(dense=True).fc_relu(data, 4096, ks=7)
    convolutional, _ = Style().fc_relu(data, 4096, ks=7)
    assert (dense.fn.type_name, dense.fn.params["num_output"]) == ("InnerProduct", 4096)
    assert (convolutional.fn.type_name, convolutional.fn.params["num_output"]) == ("Convolution", 4096)
    assert (convolutional.fn.params["kernel_size"], convolutional.fn.params["pad"]) == (7, 0)
