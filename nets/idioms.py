"""How layers are written: lr_mult, decay_mult, upsampling kernels and crops are spelled here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np

from fcn_repro.engine import caffe

L, P = caffe.layers, caffe.params
NetSpec = caffe.NetSpec
Top = caffe.net_spec.Top

LEARN = [dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)]  # weights; biases: twice as fast, no decay
FROZEN = [dict(lr_mult=0)]


@dataclass(frozen=True)
class Style:
    """What nets of one topology differ in.

    pad           of the first convolution in pixels; None: the classifier's own
    dense         fc layers are InnerProduct, as classifiers are trained and released; else they are convolutions
    dropout       False leaves it out, as deploy nets do
    multipliers   False leaves lr_mult and decay_mult out: biases then learn and decay as weights do
    fixed         layers keep the weights they start with; score layers are no part of a trunk and learn
    width         factor on the channels of every hidden layer
    margin        empty cells put around what the fc layers see, for images smaller than their field
    """

    pad: int | None = None
    dense: bool = False
    dropout: bool = True
    multipliers: bool = True
    fixed: bool = False
    width: float = 1.0
    margin: int = 0

    def first_pad(self, own: int) -> int:
        """The pad of the first convolution of a trunk whose own pad is `own`."""
        return own if self.pad is None else self.pad

    def conv_relu(
        self, bottom: Top, nout: int, ks: int = 3, stride: int = 1, pad: int = 1, **more: int
    ) -> tuple[Top, Top]:
        """A convolution and its ReLU, in place."""
        window = dict(kernel_size=ks, stride=stride, pad=pad, **more)
        conv = L.Convolution(bottom, num_output=self._channels(nout), **window, **self._learn())
        return conv, L.ReLU(conv, in_place=True)

    def fc_relu(self, bottom: Top, nout: int, ks: int, **more: int) -> tuple[Top, Top]:
        """A fully connected layer and its ReLU; as a convolution its window is the `ks` x `ks` cells it sees."""
        if not self.dense:
            return self.conv_relu(bottom, nout, ks=ks, pad=0, **more)
        fc = L.InnerProduct(bottom, num_output=self._channels(nout), **self._learn())
        return fc, L.ReLU(fc, in_place=True)

    def classify(self, bottom: Top, classes: int) -> Top:
        """The last layer of a classifier: one output per class."""
        return L.InnerProduct(bottom, num_output=classes, param=LEARN) if self.dense else score(bottom, classes)

    def drop(self, n: NetSpec, name: str, bottom: Top, ratio: float = 0.5) -> Top:
        """`bottom`, or the Dropout of it, in place and named, in nets that have dropout."""
        if not self.dropout:
            return bottom
        n[name] = L.Dropout(bottom, dropout_ratio=ratio, in_place=True)
        return n[name]

    def surround(self, n: NetSpec, name: str, bottom: Top, channels: int) -> Top:
        """`bottom`, or, named, `bottom` with a margin of zeros: a frozen copy of every channel, padded."""
        if not self.margin:
            return bottom
        copy = dict(num_output=self._channels(channels), group=self._channels(channels), kernel_size=1, bias_term=False)
        n[name] = L.Convolution(bottom, pad=self.margin, param=FROZEN, **copy)
        return n[name]

    def _channels(self, nout: int) -> int:
        return round(nout * self.width)

    def _learn(self) -> dict:
        if self.fixed:
            return dict(param=FROZEN * len(LEARN))
        return dict(param=LEARN) if self.multipliers else {}


class Renamed:
    """A NetSpec as a trunk is to see it: what the trunk calls by one name is another's, or is written under another."""

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


def score(bottom: Top, classes: int) -> Top:
    """One score per class and cell; without a filler its weights start at zero."""
    return L.Convolution(bottom, num_output=classes, kernel_size=1, pad=0, param=LEARN)


def upsample(bottom: Top, to: Top, classes: int, learn: bool = False) -> Top:
    """Interpolation of `bottom` to the spacing of `to`: bilinear to begin with, and for good unless it is to `learn`.

    The kernel spans two cells of `bottom`. Where these lie between two cells of `to` it must be even, and where they
    lie on one it must be odd, or the result would sit half a cell off the grid that it has to meet.
    """
    stride, first_cell = _grid(bottom, to)
    kernel = 2 * stride if first_cell % 1 else 2 * stride - 1
    return L.Deconvolution(
        bottom,
        convolution_param=dict(num_output=classes, kernel_size=kernel, stride=stride, bias_term=False),
        param=LEARN[:1] if learn else FROZEN,
    )


def begins_before(top: Top, other: Top) -> bool:
    """Whether the first cell of `top` lies before the first of `other`, which has the same spacing."""
    return _grid(other, top)[1] > 0


def crop(top: Top, to: Top) -> Top:
    """The part of `top` that lies over `to`: coord_map's crop, found along one branch."""
    return L.Crop(top, to, crop_param=caffe.coord_map.crop(_one_branch(top), _one_branch(to)).fn.params["crop_param"])


def _grid(top: Top, on: Top) -> tuple[int, float]:
    """How many cells of `on` a cell of `top` spans, and where on `on` the centre of the first one lies."""
    _, stride, first_cell = caffe.coord_map.coord_map_from_to(_one_branch(top), _one_branch(on))
    return int(np.ravel(stride)[0]), float(np.ravel(first_cell)[0])


def _one_branch(top: Top) -> Top:
    """The chain of layers behind `top`, along the first bottom of each, without the Concats on it.

    coord_map stops at Concat. Where branches are concatenated, or added, their cells lie on each other, so any one of
    them tells where; the chain ends in the very same input as `top` does.
    """
    if not top.fn.inputs:
        return top
    bottom = _one_branch(top.fn.inputs[0])
    return bottom if top.fn.type_name == "Concat" else getattr(L, top.fn.type_name)(bottom, **top.fn.params)
