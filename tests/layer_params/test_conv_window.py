"""The one reader of windows, against Caffe's rules for every form of the parameters."""

import pytest
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.layer_params.conv_window import ConvWindow, read_window

ONES, ZEROS = (1, 1), (0, 0)


def layer(text: str, kind: str = "Convolution"):
    field = "pooling_param" if kind == "Pooling" else "convolution_param"
    message = f'name: "x" type: "{kind}" {field} {{ {text} }}'
    return text_format.Merge(message, caffe.proto.caffe_pb2.LayerParameter())


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("kernel_size: 3", ConvWindow((3, 3), ONES, ZEROS, ONES)),
        ("kernel_size: 3 kernel_size: 5 stride: 2 pad: 1 pad: 0", ConvWindow((3, 5), (2, 2), (1, 0), ONES)),
        ("kernel_h: 3 kernel_w: 5 stride_h: 2 stride_w: 1 pad_h: 4 pad_w: 6", ConvWindow((3, 5), (2, 1), (4, 6), ONES)),
        ("kernel_size: 3 pad_h: 4", ConvWindow((3, 3), ONES, (4, 0), ONES)),  # Caffe reads the missing pad_w as 0
        ("kernel_size: 3 dilation: 2 dilation: 4", ConvWindow((3, 3), ONES, ZEROS, (2, 4))),
        ("kernel_size: 3 kernel_size: 2 kernel_size: 1", ConvWindow((3, 2, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1))),
    ],
)
def test_all_forms_of_a_convolution_are_read(text, window):
    for kind in "Convolution", "Deconvolution", "Im2col":
        assert read_window(layer(text, kind)) == window


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("kernel_size: 3 stride: 2 pad: 1", ConvWindow((3, 3), (2, 2), (1, 1), ONES)),
        ("kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1 pad_h: 0 pad_w: 1", ConvWindow((3, 2), (2, 1), (0, 1), ONES)),
        ("global_pooling: true", ConvWindow((7, 9), ONES, ZEROS, ONES)),
    ],
)
def test_all_forms_of_pooling_are_read(text, window):
    assert read_window(layer(text, "Pooling"), bottom_size=(7, 9)) == window


@pytest.mark.parametrize("axes", [0, 1, 3])
def test_one_value_serves_every_axis(axes):
    assert read_window(layer("kernel_size: 3 pad: 2"), axes) == ConvWindow(
        (3,) * axes, (1,) * axes, (2,) * axes, (1,) * axes
    )


@pytest.mark.parametrize(
    ("kind", "text", "axes", "message"),
    [
        ("Convolution", "", 2, "has no kernel; give kernel_size, or kernel_h and kernel_w"),
        ("Convolution", "kernel_size: 3 kernel_h: 3 kernel_w: 3", 2, "gives both kernel_size and kernel_h or kernel_w"),
        ("Convolution", "kernel_size: 3 pad: 1 pad_w: 1", 2, "gives both pad and pad_h or pad_w"),
        ("Convolution", "kernel_h: 3 kernel_w: 3", 3, "which need 2 spatial axes; it has 3"),
        (
            "Convolution",
            "kernel_size: [3, 3, 3]",
            2,
            r"has 3 values of kernel_size; expected 1 or one per spatial axis \(2\)",
        ),
        ("Convolution", "kernel_h: 3", 2, r"has kernel_size \[3, 0\]; every value must be at least 1"),
        ("Convolution", "kernel_size: 3 stride: 0", 2, r"has stride \[0, 0\]"),
        ("Convolution", "kernel_size: 3 dilation: 0", 2, r"has dilation \[0, 0\]"),
        ("Pooling", "kernel_size: 2 pad: 2", 2, r"has pad \[2, 2\], which must be smaller than its kernel \[2, 2\]"),
        ("Pooling", "kernel_size: 2 stride_h: 1", 2, "gives one of stride_h and stride_w"),
        ("Pooling", "global_pooling: true", 2, "pools the whole image"),
        ("Pooling", "global_pooling: true kernel_size: 2", 2, "pools globally, so it takes no kernel"),
        ("Pooling", "global_pooling: true stride: 2", 2, "pools"),
    ],
)
def test_what_caffe_refuses_is_refused_with_the_layers_name(kind, text, axes, message):
    with pytest.raises(KeyError, match=rf"layer 'x' \({kind}\) .*{message}"):
        read_window(layer(text, kind), axes, fault=KeyError)


@pytest.mark.parametrize("size", [5, 8, 13])
@pytest.mark.parametrize(
    "text", ["kernel_size: 3 stride: 2", "kernel_size: 3 stride: 3 pad: 1", "kernel_size: 2 stride: 2 pad: 1"]
)
def test_sizes_are_those_of_the_engine(tmp_path, text, size):
    window = read_window(layer(text))
    made = {"Convolution": window.convolved, "Deconvolution": window.deconvolved, "Pooling": window.pooled}
    head = f'layer {{ name: "in" type: "Input" top: "in" input_param {{ shape {{ dim: [1, 1, {size}, {size}] }} }} }}\n'
    for kind, compute in made.items():
        param = f"pooling_param {{ {text} }}" if kind == "Pooling" else f"convolution_param {{ num_output: 1 {text} }}"
        (tmp_path / "net.prototxt").write_text(
            f'{head}layer {{ name: "x" type: "{kind}" bottom: "in" top: "x" {param} }}'
        )
        net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
        assert tuple(net.blobs["x"].shape)[2:] == compute((size, size))
    assert window.pooled((size,), rounds_up=False)[0] <= window.pooled((size,))[0]


@pytest.mark.parametrize("side", ["h", "w"])
def test_pooling_takes_kernel_size_beside_one_side_of_a_kernel(side):
    window = read_window(layer(f"kernel_size: 2 kernel_{side}: 5", "Pooling"))
    assert window.kernel == (2, 2)


@pytest.mark.parametrize("field", ["pad_h", "pad_w", "stride_h", "stride_w"])
def test_pooling_refuses_one_side_of_a_pad_or_stride(field):
    with pytest.raises(ValueError, match=rf"gives one of {field[:-2]}_h and {field[:-2]}_w; expected both or neither"):
        read_window(layer(f"kernel_size: 2 {field}: 1", "Pooling"))
