"""Generate the source of a plain PyTorch module, which does not need this package.

The source follows from the prototxt: a line for each layer. A state_dict beside it holds the weights under the layers'
names.
"""

from __future__ import annotations

from pprint import pformat
from typing import Callable, Iterator, Mapping, Sequence

import numpy as np

from fcn_repro.layer_params.conv_window import read_window
from fcn_repro.layer_params.crop_offsets import read_crop_offsets
from fcn_repro.model.deploy_metadata import DeployMetadata
from fcn_repro.model.exchange.graph import Graph, Step, rounds_up, to_identifier

HEAD = '''"""{name}: a fully convolutional net, generated from its Caffe prototxt. Needs torch, numpy, Pillow.

    python {module}.py photo.jpg labels.png

    net = load("{module}.pt")
    {outputs} = net({inputs})     # B G R, 0-255, minus MEAN_BGR: (N, {channels}, H, W) float32
"""

import sys

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

MEAN_BGR = {mean_bgr}
CLASS_NAMES = {class_names}


class Net(nn.Module):
    """{summary}"""

    def __init__(self):
        super().__init__()
'''

HEAD_WITHOUT_METADATA = '''"""{name}: generated from its Caffe prototxt. Needs torch.

    net = load("{module}.pt")
    {outputs} = net({inputs})     # images as the Caffe net takes them: (N, {channels}, H, W) float32
"""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    """{summary}"""

    def __init__(self):
        super().__init__()
'''

LOAD = '''

def load(path):
    """Load the net with its weights, a state_dict; no code in it runs."""
    net = Net()
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return net.eval()
'''

TAIL = '''

def label(net, image):
    """Return the most probable class of every pixel of a Pillow image: (H, W) uint8."""
    data = np.asarray(image.convert("RGB"), np.float32)[:, :, ::-1] - np.array(MEAN_BGR, np.float32)
    with torch.inference_mode():
        score = net(torch.from_numpy(np.ascontiguousarray(data.transpose(2, 0, 1)))[None])
    score = score[0] if isinstance(score, tuple) else score  # the first of several heads
    return score[0].argmax(0).to(torch.uint8).numpy()


if __name__ == "__main__":
    label_hw = label(load(__file__[:-3] + ".pt"), Image.open(sys.argv[1]))
    Image.fromarray(label_hw).save(sys.argv[2])
    for value, pixels in zip(*np.unique(label_hw, return_counts=True)):
        print(f"{CLASS_NAMES[value]} {pixels / label_hw.size:.1%}")
'''


def generate_source(name: str, net: Graph, metadata: DeployMetadata | None) -> str:
    """Generate the module's source; without metadata, it takes arrays only.

    Raises   ValueError naming all layers of types without an equivalent here
    """
    unknown = [step.layer for step in net.steps if step.layer.type not in LINES]
    if unknown:
        lines = [f"layer {layer.name}: got type {layer.type}, expected one with PyTorch" for layer in unknown]
        raise ValueError("\n".join([*lines, f"The types with PyTorch: {', '.join(sorted(LINES))}"]))
    inputs = ", ".join(to_identifier(blob) for blob in net.inputs)
    head = (HEAD if metadata else HEAD_WITHOUT_METADATA).format(
        name=name,
        module=to_identifier(name),
        inputs=inputs,
        outputs=", ".join(to_identifier(blob) for blob in net.outputs),
        channels=next(iter(net.inputs.values()))[1],
        mean_bgr=pformat(metadata.mean_bgr) if metadata else "",
        class_names=pformat(next(iter(metadata.classes.values())), width=100, compact=True) if metadata else "",
        summary=f"{len(net.steps)} layers under their Caffe names.",
    )
    modules = [f"        self.{step.name} = {_format_module(step)}\n" for step in net.steps if step.weights]
    body = "".join(f"        {line}\n" for line in _format_forward(net))
    return f"{head}{''.join(modules)}\n    def forward(self, {inputs}):\n{body}{LOAD}{TAIL if metadata else ''}"


def build_state_dict(net: Graph) -> dict[str, np.ndarray]:
    """Return the weights under the module's names for them."""
    arrays = {}
    for step in net.steps:
        for kind, array in zip(("weight", "bias"), step.weights):
            is_factor = step.layer.type == "Scale" and kind == "weight"
            arrays[f"{step.name}.{kind}"] = array.reshape(-1, 1, 1, 1) if is_factor else array
    return arrays


def _format_forward(net: Graph) -> Iterator[str]:
    """Yield a line for each layer, and one that deletes activations, which are large, after their last use."""
    last = {value: i for i, step in enumerate(net.steps) for value in step.inputs}
    kept = {*net.outputs.values()}
    for i, step in enumerate(net.steps):
        yield f"{step.output} = {LINES[step.layer.type](step)}"
        done = [value for value in dict.fromkeys(step.inputs) if last[value] == i and value not in kept]
        if done:
            yield f"del {', '.join(done)}"
    yield f"return {', '.join(net.outputs.values())}"


def _format_module(step: Step) -> str:
    """Format the torch module that holds a layer's weights."""
    layer, shape = step.layer, step.weights[0].shape
    bias = "" if len(step.weights) > 1 else ", bias=False"
    if layer.type == "InnerProduct":
        return f"nn.Linear({shape[1]}, {shape[0]}{bias})"
    if layer.type == "Scale":
        return f"nn.Conv2d({shape[0]}, {shape[0]}, 1, groups={shape[0]}{bias})"
    window = read_window(layer, 2)
    options: Mapping[str, tuple[Sequence[int], int]] = {
        "stride": (window.stride, 1),
        "padding": (window.pad, 0),
        "dilation": (window.dilation, 1),
        "groups": ([step.group], 1),
    }
    rest = "".join(f", {key}={_pair(values)}" for key, (values, usual) in options.items() if {*values} != {usual})
    kernel = _pair(window.kernel)
    if layer.type == "Deconvolution":
        return f"nn.ConvTranspose2d({shape[0]}, {shape[1] * step.group}, {kernel}{rest}{bias})"
    return f"nn.Conv2d({shape[1] * step.group}, {shape[0]}, {kernel}{rest}{bias})"


def _pair(values: Sequence[int]) -> str:
    return str(values[0]) if len({*values}) == 1 else f"({', '.join(map(str, values))})"


# -- layer by layer ------------------------------------------------------------------------------------------------


def _format_call(step: Step) -> str:
    flat = f".flatten({step.layer.inner_product_param.axis})" if step.layer.type == "InnerProduct" else ""
    if step.layer.type == "Scale" and len(step.inputs) > 1:
        raise ValueError(f"layer {step.layer.name} scales by another blob; expected weights")
    return f"self.{step.name}({step.inputs[0]}{flat})"


def _format_pooling(step: Step) -> str:
    param, (value,) = step.layer.pooling_param, step.inputs
    if param.pool not in (param.MAX, param.AVE):
        raise ValueError(f"layer {step.layer.name} pools with STOCHASTIC; expected MAX or AVE")
    kind = "max" if param.pool == param.MAX else "avg"
    if param.global_pooling:
        return f"F.adaptive_{kind}_pool2d({value}, 1)"
    window = read_window(step.layer)
    if not any(window.pad) and any(s > k for s, k in zip(window.stride, window.kernel)):
        raise ValueError(f"layer {step.layer.name} pools with gaps; expected a stride of at most the kernel")
    kernel, stride, pad = map(_pair, (window.kernel, window.stride, window.pad))
    return f"F.{kind}_pool2d({value}, {kernel}, {stride}, {pad}, ceil_mode={rounds_up(param)})"


def _format_relu(step: Step) -> str:
    slope = step.layer.relu_param.negative_slope
    return f"F.leaky_relu({step.inputs[0]}, {slope!r})" if slope else f"F.relu({step.inputs[0]})"


def _format_crop(step: Step) -> str:
    value, like = step.inputs
    offsets = read_crop_offsets(step.layer)
    sides = [f"{offset} : {offset} + {like}.shape[{axis}]" for axis, offset in zip((2, 3), offsets)]
    return f"{value}[:, :, {', '.join(sides)}]"


def _format_eltwise(step: Step) -> str:
    param = step.layer.eltwise_param
    if param.operation == param.SUM:
        factors = list(param.coeff) or [1.0] * len(step.inputs)
        return " + ".join(value if f == 1 else f"{f!r} * {value}" for f, value in zip(factors, step.inputs))
    if param.operation == param.PROD:
        return " * ".join(step.inputs)
    return f"torch.stack([{', '.join(step.inputs)}]).amax(0)"


def _format_lrn(step: Step) -> str:
    param = step.layer.lrn_param
    if param.norm_region != param.ACROSS_CHANNELS:
        raise ValueError(f"layer {step.layer.name} normalises within channels; expected across them")
    return f"F.local_response_norm({step.inputs[0]}, {param.local_size}, {param.alpha!r}, {param.beta!r}, {param.k!r})"


LINES: Mapping[str, Callable[[Step], str]] = {
    "Convolution": _format_call,
    "Deconvolution": _format_call,
    "InnerProduct": _format_call,
    "Scale": _format_call,
    "Pooling": _format_pooling,
    "ReLU": _format_relu,
    "Crop": _format_crop,
    "Eltwise": _format_eltwise,
    "LRN": _format_lrn,
    "Concat": lambda step: f"torch.cat([{', '.join(step.inputs)}], {step.layer.concat_param.axis})",
    "Softmax": lambda step: f"F.softmax({step.inputs[0]}, {step.layer.softmax_param.axis})",
}
