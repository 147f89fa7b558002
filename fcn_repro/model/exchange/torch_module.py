"""A net as the text of a plain PyTorch module, which needs nothing of this package.

The text is written from the prototxt alone: a line for each layer. Weights go into a state_dict beside it, under the
layers' names.
"""

from __future__ import annotations

from pprint import pformat
from typing import Callable, Iterator, Mapping

import numpy as np

from fcn_repro.model.deploy_metadata import Deployment
from fcn_repro.model.exchange.graph import Graph, Step, identifier
from fcn_repro.model.window import slide

HEAD = '''"""{name}: a fully convolutional net, made from its Caffe prototxt. Needs torch, numpy, Pillow.

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

TAIL = '''

def load(path):
    """The net with its weights, which are a state_dict: no code is run in reading them."""
    net = Net()
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return net.eval()


def label(net, image):
    """The most probable class of every pixel of a Pillow image: (H, W) uint8."""
    data = np.asarray(image.convert("RGB"), np.float32)[:, :, ::-1] - np.array(MEAN_BGR, np.float32)
    with torch.inference_mode():
        score = net(torch.from_numpy(np.ascontiguousarray(data.transpose(2, 0, 1)))[None])
    score = score[0] if isinstance(score, tuple) else score  # of several heads the first
    return score[0].argmax(0).to(torch.uint8).numpy()


if __name__ == "__main__":
    label_hw = label(load(__file__[:-3] + ".pt"), Image.open(sys.argv[1]))
    Image.fromarray(label_hw).save(sys.argv[2])
    for value, pixels in zip(*np.unique(label_hw, return_counts=True)):
        print(f"{CLASS_NAMES[value]} {pixels / label_hw.size:.1%}")
'''


def source(name: str, net: Graph, note: Deployment) -> str:
    """The text of the module.

    Raises   ValueError naming a layer that has no line here
    """
    for step in net.steps:
        if step.layer.type not in LINES:
            known = ", ".join(LINES)
            raise ValueError(f"layer {step.layer.name} of type {step.layer.type} has no line here; these have: {known}")
    inputs = ", ".join(identifier(blob) for blob in net.inputs)
    head = HEAD.format(
        name=name,
        module=identifier(name),
        inputs=inputs,
        outputs=", ".join(identifier(blob) for blob in net.outputs),
        channels=next(iter(net.inputs.values()))[1],
        mean_bgr=pformat(note.mean_bgr),
        class_names=pformat(next(iter(note.classes.values())), width=100, compact=True),
        summary=f"{len(net.steps)} layers under their Caffe names.",
    )
    made = [f"        self.{step.name} = {_module(step)}\n" for step in net.steps if step.weights]
    body = "".join(f"        {line}\n" for line in _forward(net))
    return f"{head}{''.join(made)}\n    def forward(self, {inputs}):\n{body}{TAIL}"


def state_dict(net: Graph) -> dict[str, np.ndarray]:
    """The weights by the names that the module has for them."""
    found = {}
    for step in net.steps:
        for kind, array in zip(("weight", "bias"), step.weights):
            whole = array.reshape(-1, 1, 1, 1) if step.layer.type == "Scale" and kind == "weight" else array
            found[f"{step.name}.{kind}"] = whole
    return found


def _forward(net: Graph) -> Iterator[str]:
    """A line for each layer; what is read no more is let go, as activations are large."""
    last = {value: i for i, step in enumerate(net.steps) for value in step.reads}
    kept = {*net.outputs.values()}
    for i, step in enumerate(net.steps):
        yield f"{step.makes} = {LINES[step.layer.type](step)}"
        done = [value for value in dict.fromkeys(step.reads) if last[value] == i and value not in kept]
        if done:
            yield f"del {', '.join(done)}"
    yield f"return {', '.join(net.outputs.values())}"


def _module(step: Step) -> str:
    """What holds a layer's weights."""
    layer, shape = step.layer, step.weights[0].shape
    bias = "" if len(step.weights) > 1 else ", bias=False"
    if layer.type == "InnerProduct":
        return f"nn.Linear({shape[1]}, {shape[0]}{bias})"
    if layer.type == "Scale":
        return f"nn.Conv2d({shape[0]}, {shape[0]}, 1, groups={shape[0]}{bias})"
    rows, columns = (slide(layer, axis) for axis in (0, 1))
    wanted: Mapping[str, tuple[int, int, int]] = {
        "stride": (rows.stride, columns.stride, 1),
        "padding": (rows.pad, columns.pad, 0),
        "dilation": (rows.dilation, columns.dilation, 1),
        "groups": (step.group, step.group, 1),
    }
    rest = "".join(f", {key}={_pair(a, b)}" for key, (a, b, usual) in wanted.items() if (a, b) != (usual, usual))
    kernel = _pair(rows.kernel, columns.kernel)
    if layer.type == "Deconvolution":
        return f"nn.ConvTranspose2d({shape[0]}, {shape[1] * step.group}, {kernel}{rest}{bias})"
    return f"nn.Conv2d({shape[1] * step.group}, {shape[0]}, {kernel}{rest}{bias})"


def _pair(rows: int, columns: int) -> str:
    return str(rows) if rows == columns else f"({rows}, {columns})"


# -- layer by layer ------------------------------------------------------------------------------------------------


def _called(step: Step) -> str:
    flat = f".flatten({step.layer.inner_product_param.axis})" if step.layer.type == "InnerProduct" else ""
    if step.layer.type == "Scale" and len(step.reads) > 1:
        raise ValueError(f"layer {step.layer.name} scales by another blob; expected factors of its own")
    return f"self.{step.name}({step.reads[0]}{flat})"


def _pooling(step: Step) -> str:
    param, (value,) = step.layer.pooling_param, step.reads
    kind = "max" if param.pool == param.MAX else "avg"
    if param.global_pooling:
        return f"F.adaptive_{kind}_pool2d({value}, 1)"
    rows, columns = (slide(step.layer, axis) for axis in (0, 1))
    names = ("kernel", "stride", "pad")
    kernel, stride, pad = (_pair(getattr(rows, name), getattr(columns, name)) for name in names)
    return f"F.{kind}_pool2d({value}, {kernel}, {stride}, {pad}, ceil_mode=True)"


def _relu(step: Step) -> str:
    slope = step.layer.relu_param.negative_slope
    return f"F.leaky_relu({step.reads[0]}, {slope!r})" if slope else f"F.relu({step.reads[0]})"


def _crop(step: Step) -> str:
    what, like = step.reads
    offsets = ((list(step.layer.crop_param.offset) or [0]) * 2)[:2]
    sides = [f"{offset} : {offset} + {like}.shape[{axis}]" for axis, offset in zip((2, 3), offsets)]
    return f"{what}[:, :, {', '.join(sides)}]"


def _eltwise(step: Step) -> str:
    param = step.layer.eltwise_param
    if param.operation == param.SUM:
        factors = list(param.coeff) or [1.0] * len(step.reads)
        return " + ".join(value if f == 1 else f"{f!r} * {value}" for f, value in zip(factors, step.reads))
    if param.operation == param.PROD:
        return " * ".join(step.reads)
    return f"torch.stack([{', '.join(step.reads)}]).amax(0)"


def _lrn(step: Step) -> str:
    param = step.layer.lrn_param
    if param.norm_region != param.ACROSS_CHANNELS:
        raise ValueError(f"layer {step.layer.name} normalises within channels; expected across them")
    return f"F.local_response_norm({step.reads[0]}, {param.local_size}, {param.alpha!r}, {param.beta!r}, {param.k!r})"


LINES: Mapping[str, Callable[[Step], str]] = {
    "Convolution": _called,
    "Deconvolution": _called,
    "InnerProduct": _called,
    "Scale": _called,
    "Pooling": _pooling,
    "ReLU": _relu,
    "Crop": _crop,
    "Eltwise": _eltwise,
    "LRN": _lrn,
    "Concat": lambda step: f"torch.cat([{', '.join(step.reads)}], {step.layer.concat_param.axis})",
    "Softmax": lambda step: f"F.softmax({step.reads[0]}, {step.layer.softmax_param.axis})",
}
