"""How single layers are written: lr_mult, decay_mult, upsampling kernels and crops are defined only here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from fcn_repro.engine import caffe

L, P = caffe.layers, caffe.params
NetSpec = caffe.NetSpec
Top = caffe.net_spec.Top

TRAINED = [dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)]  # weights; biases: twice the rate, no decay
FROZEN = [dict(lr_mult=0)]
DECIMATION = 3  # of narrow fc6's 7 x 7 cells, 3 x 3 are left (as in Chen et al., arXiv 1412.7062)
NARROW = "_narrow"  # ends the names of layers that `fcn_repro.model.surgery.widen` copies into wider ones


@dataclass(frozen=True)
class Style:
    """The options of a trunk.

    pad           of the first convolution, in pixels; None: the classifier's
    dense         fc layers are InnerProduct, as in released classifiers; else they are convolutions
    dropout       False for deploy nets
    multipliers   False omits lr_mult and decay_mult: biases then train and decay as weights do
    fixed         layers keep their initial weights; score layers, which are not part of a trunk, are trained
    width         factor on the channels of every hidden layer
    margin        cells of zeros around the input of the fc layers, for images smaller than their receptive field
    fc_width      factor on the channels of fc layers. Narrow ones have names of their own, which end in `NARROW`, and
                  every third row and column of the kernels
    fc_filler     filler of their weights, for training them from scratch; empty: Caffe's default, zeros
    """

    pad: int | None = None
    dense: bool = False
    dropout: bool = True
    multipliers: bool = True
    fixed: bool = False
    width: float = 1.0
    margin: int = 0
    fc_width: float = 1.0
    fc_filler: str = ""

    def first_pad(self, own: int) -> int:
        """The pad of the first convolution; `own` is the classifier's."""
        return own if self.pad is None else self.pad

    def conv_relu(
        self, bottom: Top, nout: int, ks: int = 3, stride: int = 1, pad: int = 1, **more: Any
    ) -> tuple[Top, Top]:
        """A convolution and its ReLU, in place."""
        window = dict(kernel_size=ks, stride=stride, pad=pad, **more)
        conv = L.Convolution(bottom, num_output=self._channels(nout), **window, **self._multipliers())
        return conv, L.ReLU(conv, in_place=True)

    def fc_relu(self, bottom: Top, nout: int, ks: int, **more: Any) -> tuple[Top, Top]:
        """A fully connected layer and its ReLU; as a convolution its kernel is `ks` x `ks`."""
        nout = round(nout * self.fc_width)
        fillers: dict[str, Any] = dict(weight_filler=dict(type=self.fc_filler)) if self.fc_filler else {}
        if not self.dense:
            if self.fc_width != 1 and ks > 1:
                ks, more = (ks - 1) // DECIMATION + 1, dict(more, dilation=DECIMATION)
            return self.conv_relu(bottom, nout, ks=ks, pad=0, **fillers, **more)
        fc = L.InnerProduct(bottom, num_output=self._channels(nout), **fillers, **self._multipliers())
        return fc, L.ReLU(fc, in_place=True)

    def fc_name(self, name: str) -> str:
        """The name of a fully connected or score layer: `name`, or another one for other numbers of channels."""
        return name if self.fc_width == 1 else f"{name}{NARROW}"

    def classify(self, bottom: Top, classes: int) -> Top:
        """The last layer of a classifier: one output per class."""
        return L.InnerProduct(bottom, num_output=classes, param=TRAINED) if self.dense else score(bottom, classes)

    def drop(self, n: NetSpec, name: str, bottom: Top, ratio: float = 0.5) -> Top:
        """`bottom`, or a named in-place Dropout of it in nets with dropout."""
        if not self.dropout:
            return bottom
        n[name] = L.Dropout(bottom, dropout_ratio=ratio, in_place=True)
        return n[name]

    def surround(self, n: NetSpec, name: str, bottom: Top, channels: int) -> Top:
        """`bottom`, or a named copy of it with a margin of zeros: a frozen, padded 1 x 1 convolution per channel."""
        if not self.margin:
            return bottom
        copy = dict(num_output=self._channels(channels), group=self._channels(channels), kernel_size=1, bias_term=False)
        n[name] = L.Convolution(bottom, pad=self.margin, param=FROZEN, **copy)
        return n[name]

    def _channels(self, nout: int) -> int:
        return round(nout * self.width)

    def _multipliers(self) -> dict:
        if self.fixed:
            return dict(param=FROZEN * len(TRAINED))
        return dict(param=TRAINED) if self.multipliers else {}


class Renamed:
    """A NetSpec that renames the layers a trunk reads and writes."""

    _n: NetSpec
    _rename: Callable[[str], str]

    def __init__(self, n: NetSpec, rename: Callable[[str], str]) -> None:
        vars(self).update(_n=n, _rename=rename)

    def __getattr__(self, name: str) -> Top:
        return self._n[self._rename(name)]

    def __setattr__(self, name: str, top: Top) -> None:
        self._n[self._rename(name)] = top

    __getitem__, __setitem__ = __getattr__, __setattr__


def max_pool(bottom: Top, ks: int = 2, stride: int = 2, **more: int) -> Top:
    """Max pooling."""
    return L.Pooling(bottom, pool=P.Pooling.MAX, kernel_size=ks, stride=stride, **more)


def normalise(bottom: Top) -> Top:
    """Local response normalisation across five channels."""
    return L.LRN(bottom, local_size=5, alpha=1e-4, beta=0.75)


def score(bottom: Top, classes: int, std: float = 0) -> Top:
    """One score per class and cell. The weights start at zero, or random with a standard deviation."""
    filler = dict(weight_filler=dict(type="gaussian", std=std)) if std else {}
    return L.Convolution(bottom, num_output=classes, kernel_size=1, pad=0, param=TRAINED, **filler)


def upsample(bottom: Top, to: Top, classes: int, trained: bool = False) -> Top:
    """Interpolation of `bottom` to the stride of `to`; it starts bilinear, and stays so unless `trained`.

    The kernel spans two cells of `bottom`. It is even if their centres lie between two cells of `to`, and odd if they
    lie on one; otherwise the result would be half a cell off the grid.
    """
    stride, offset = _grid(bottom, to)
    kernel = 2 * stride if offset % 1 else 2 * stride - 1
    return L.Deconvolution(
        bottom,
        convolution_param=dict(num_output=classes, kernel_size=kernel, stride=stride, bias_term=False),
        param=TRAINED[:1] if trained else FROZEN,
    )


def starts_before(top: Top, other: Top) -> bool:
    """Whether the first cell of `top` lies before the first of `other`, which has the same stride."""
    return _grid(other, top)[1] > 0


def crop(top: Top, to: Top) -> Top:
    """Crop `top` to the area of `to`: coord_map's crop, computed along one branch."""
    return L.Crop(top, to, crop_param=caffe.coord_map.crop(_one_branch(top), _one_branch(to)).fn.params["crop_param"])


def _grid(top: Top, on: Top) -> tuple[int, float]:
    """The stride of `top` in cells of `on`, and the position of its first cell's centre on `on`."""
    _, stride, offset = caffe.coord_map.coord_map_from_to(_one_branch(top), _one_branch(on))
    return int(np.ravel(stride)[0]), float(np.ravel(offset)[0])


def _one_branch(top: Top) -> Top:
    """The chain of layers below `top`, along the first bottom of each, without its Concats.

    coord_map stops at Concat. The cells of concatenated or added branches coincide, so one branch is enough; the chain
    ends in the same input as `top`.
    """
    if not top.fn.inputs:
        return top
    bottom = _one_branch(top.fn.inputs[0])
    return bottom if top.fn.type_name == "Concat" else getattr(L, top.fn.type_name)(bottom, **top.fn.params)
