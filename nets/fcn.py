"""Fully convolutional networks: a trunk's taps are scored, brought to one spacing, added, and brought to the pixels.

Kernels, strides and crop offsets follow from the trunk; 32s, 16s, 8s and at-once differ by their list of skips.

Source   Long, Shelhamer and Darrell, section 4; layer names of the reference, 1305c73.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable

from nets.alexnet import caffenet
from nets.data import Data, data_layer
from nets.googlenet import googlenet
from nets.idioms import FROZEN, L, NetSpec, P, Style, Top, begins_before, crop, score, upsample
from nets.vgg16 import MINI_WIDTH, vgg16

PADDED = Style(pad=100)  # every size of image survives five poolings and fc6
MINI = replace(PADDED, width=MINI_WIDTH)
UNUSED = 255  # the label that the reference's losses ignore even where no pixel has it


@dataclass(frozen=True)
class Skip:
    """A finer tap that is scored and added; `scale` tames it where all of a net is trained at once."""

    tap: str
    scale: float | None = None


@dataclass(frozen=True)
class Fcn:
    """A trunk, and the taps that join its coarsest one, in the order they are met on the way up."""

    trunk: Callable[[NetSpec, Style], dict[str, Top]]
    skips: tuple[Skip, ...] = ()
    style: Style = PADDED


POOL4, POOL3 = Skip("pool4"), Skip("pool3")
FCNS = {
    "vgg16-32s": Fcn(vgg16),
    "vgg16-16s": Fcn(vgg16, (POOL4,)),
    "vgg16-8s": Fcn(vgg16, (POOL4, POOL3)),
    "vgg16-8s-atonce": Fcn(vgg16, (Skip("pool4", scale=1e-2), Skip("pool3", scale=1e-4))),
    "vgg16-mini-32s": Fcn(vgg16, (), MINI),
    "vgg16-mini-16s": Fcn(vgg16, (POOL4,), MINI),
    "vgg16-mini-8s": Fcn(vgg16, (POOL4, POOL3), MINI),
    # The reference gives CaffeNet's layers no multipliers: their biases learn and decay like weights.
    "alexnet-32s": Fcn(caffenet, (), replace(PADDED, multipliers=False)),
    # Never released. The classifier's own pad leaves every image from 31 x 31 pixels on whole.
    "googlenet-32s": Fcn(googlenet, (), Style()),
    "googlenet-16s": Fcn(googlenet, (Skip("inception_4e"),), Style()),
    "googlenet-8s": Fcn(googlenet, (Skip("inception_4e"), Skip("inception_3b")), Style()),
}


def fcn(net: Fcn, phase: str, data: Data, normalize: bool) -> Any:
    """The NetParameter for a phase: train and val read data and end in `loss`; deploy turns `data` into `score`."""
    n = NetSpec()
    deploy = phase == "deploy"
    if deploy:
        n.data = L.Input(name="input", shape=dict(dim=[1, 3, 500, 500]))  # to be reshaped to each image
    else:
        n.data, n.label = data_layer(data, phase)
    taps = net.trunk(n, replace(net.style, dropout=not deploy))
    _head(n, taps, net.skips, len(data.class_names))
    if not deploy:
        void = UNUSED if data.void is None else data.void
        n.loss = L.SoftmaxWithLoss(n.score, n.label, loss_param=dict(normalize=normalize, ignore_label=void))
    return n.to_proto()


def _head(n: NetSpec, taps: dict[str, Top], skips: tuple[Skip, ...], classes: int) -> None:
    """Write `score`: scores per pixel of `n.data`."""
    top = n.score_fr = score(list(taps.values())[-1], classes)
    upscore = "upscore2"
    for skip in skips:
        tap = taps[skip.tap]
        n[upscore] = upsample(top, tap, classes)
        top = n[f"fuse_{skip.tap}"] = _fuse(n, upscore, _score_skip(n, skip, tap, classes))
        upscore = f"upscore_{skip.tap}"
    last = upsample(top, n.data, classes)
    upscore = f"upscore{last.fn.params['convolution_param']['stride']}" if skips else "upscore"
    n[upscore] = last
    n.score = crop(last, n.data)


def _score_skip(n: NetSpec, skip: Skip, tap: Top, classes: int) -> str:
    """Write the scores of a skip and return their name."""
    if skip.scale is not None:
        filler = dict(type="constant", value=skip.scale)
        tap = n[f"scale_{skip.tap}"] = L.Scale(tap, filler=filler, param=FROZEN)
    name = f"score_{skip.tap}"
    n[name] = score(tap, classes)
    return name


def _fuse(n: NetSpec, upscore: str, skip: str) -> Top:
    """The sum of two named scores of the same spacing, after cropping the one that starts earlier to the other.

    Trunks that pad by 100 see more around the skip; the others leave a margin around the interpolated scores.
    """
    if begins_before(n[skip], n[upscore]):
        n[f"{skip}c"] = crop(n[skip], n[upscore])
        skip = f"{skip}c"
    else:
        n[f"{upscore}c"] = crop(n[upscore], n[skip])
        upscore = f"{upscore}c"
    return L.Eltwise(n[upscore], n[skip], operation=P.Eltwise.SUM)
