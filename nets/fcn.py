"""Fully convolutional networks: a trunk's taps are scored, brought to one spacing, added, and brought to the pixels.

Kernels, strides and crop offsets follow from the trunk; 32s, 16s, 8s and at-once differ by their list of skips.

Source   Long, Shelhamer and Darrell, section 4; layer names of the reference, 1305c73.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Callable

from nets.alexnet import caffenet
from nets.data import Data, write_inputs
from nets.googlenet import googlenet, googlenet_pooled
from nets.idioms import FROZEN, L, NetSpec, P, Renamed, Style, Top, begins_before, crop, score, upsample
from nets.vgg import MINI_WIDTH, vgg16, vgg16_pool5s1, vgg19

PADDED = Style(pad=100)  # every size of image survives five poolings and fc6
MINI = replace(PADDED, width=MINI_WIDTH)
UNUSED = 255  # the label that the reference's losses ignore even where no pixel has it


class Inputs(Enum):
    """What becomes of a data set's inputs."""

    ONE = "there is but one"
    EARLY = "they are the channels of one blob, `data`, which the trunk reads with a first layer of another name"
    LATE = "each has a trunk of its own, with its name behind those of the layers; the mean of their scores counts"


class Upsampling(Enum):
    """Which interpolations are learnt, from bilinear ones. The reference learns none."""

    FIXED = "none"
    INTERMEDIATE = "all but the last: CVPR 2015, section 4.3"
    LEARNED = "all"


@dataclass(frozen=True)
class Skip:
    """A finer tap that is scored and added; `scale` tames it where all of a net is trained at once."""

    tap: str
    scale: float | None = None


@dataclass(frozen=True)
class Fcn:
    """A trunk, and how its taps become scores per pixel.

    skips        the taps that join the coarsest one, in the order they are met on the way up
    top          the tap that is scored first; what the trunk has beyond is left out. Empty: the trunk's last
    fusion       how a skip joins: Eltwise's SUM or MAX
    """

    trunk: Callable[[NetSpec, Style], dict[str, Top]]
    skips: tuple[Skip, ...] = ()
    style: Style = PADDED
    top: str = ""
    fusion: int = P.Eltwise.SUM
    upsampling: Upsampling = Upsampling.FIXED
    inputs: Inputs = Inputs.ONE


POOL4, POOL3 = Skip("pool4"), Skip("pool3")
S16, S8 = (POOL4,), (POOL4, POOL3)
AT_ONCE = (Skip("pool4", scale=1e-2), Skip("pool3", scale=1e-4))
INCEPTION_4E, INCEPTION_3B = Skip("inception_4e"), Skip("inception_3b")


def _vggs(style: Style) -> dict[str, Fcn]:
    """Every net on VGG-16, by what its name ends in."""
    return {
        "32s": Fcn(vgg16, (), style),
        "16s": Fcn(vgg16, S16, style),
        "8s": Fcn(vgg16, S8, style),
        "8s-atonce": Fcn(vgg16, AT_ONCE, style),
        # NYUDv2's: 32s in the reference, 16s in CVPR's table 4 alone.
        "32s-early": Fcn(vgg16, (), style, inputs=Inputs.EARLY),
        "32s-late": Fcn(vgg16, (), style, inputs=Inputs.LATE),
        "16s-late": Fcn(vgg16, S16, style, inputs=Inputs.LATE),
        # Told of in the papers, and never released.
        "32s-fixed": Fcn(vgg16, (), replace(style, fixed=True)),
        "pool5": Fcn(vgg16, (), style, top="pool5"),
        "pool4": Fcn(vgg16, (), style, top="pool4"),
        "pool3": Fcn(vgg16, (), style, top="pool3"),
        "16s-cvpr": Fcn(vgg16, S16, style, upsampling=Upsampling.INTERMEDIATE),
        "8s-cvpr": Fcn(vgg16, S8, style, upsampling=Upsampling.INTERMEDIATE),
        "32s-learned": Fcn(vgg16, (), style, upsampling=Upsampling.LEARNED),
        "16s-learned": Fcn(vgg16, S16, style, upsampling=Upsampling.LEARNED),
        "8s-learned": Fcn(vgg16, S8, style, upsampling=Upsampling.LEARNED),
        "16s-max": Fcn(vgg16, S16, style, fusion=P.Eltwise.MAX),
        "8s-max": Fcn(vgg16, S8, style, fusion=P.Eltwise.MAX),
        "16s-pool5s1": Fcn(vgg16_pool5s1, (), style),
    }


FCNS = {
    **{f"vgg16-{name}": net for name, net in _vggs(PADDED).items()},
    **{f"vgg16-mini-{name}": net for name, net in _vggs(MINI).items()},
    "vgg19-32s": Fcn(vgg19),
    # The reference gives CaffeNet's layers no multipliers: their biases learn and decay like weights.
    "alexnet-32s": Fcn(caffenet, (), replace(PADDED, multipliers=False)),
    # Never released. The classifier's own pad leaves every image from 31 x 31 pixels on whole.
    "googlenet-32s": Fcn(googlenet, (), Style()),
    "googlenet-16s": Fcn(googlenet, (INCEPTION_4E,), Style()),
    "googlenet-8s": Fcn(googlenet, (INCEPTION_4E, INCEPTION_3B), Style()),
    # With the classifier's average over 7 x 7 cells, for which that pad is too small.
    "googlenet-32s-pooled": Fcn(googlenet_pooled),
    "googlenet-16s-pooled": Fcn(googlenet_pooled, (INCEPTION_4E,)),
    "googlenet-8s-pooled": Fcn(googlenet_pooled, (INCEPTION_4E, INCEPTION_3B)),
}


class Stream:
    """A trunk over one input. It is written when a tap is first asked for: that is the reference's order of layers."""

    def __init__(self, n: NetSpec, net: Fcn, suffix: str, renamed: dict[str, str]) -> None:
        self.suffix = suffix
        self._n, self._net = n, net
        self._view: Any = Renamed(n, lambda name: renamed.get(name, name + suffix))
        self._taps: dict[str, Top] = {}

    @property
    def pixels(self) -> Top:
        """What the trunk reads."""
        return self._view.data

    def __getitem__(self, tap: str) -> Top:
        """A tap by name; by no name the one that is scored first."""
        if not self._taps:
            self._taps = self._net.trunk(self._view, self._net.style)
            if self._net.top:
                names, tops = list(self._n.tops), list(self._n.tops.values())
                for name in names[tops.index(self._taps[self._net.top]) + 1 :]:
                    del self._n.tops[name]
        return self._taps[tap or self._net.top or list(self._taps)[-1]]


def fcn(net: Fcn, phase: str, data: Data, normalize: bool) -> Any:
    """The NetParameter for a phase: train and val read data and end in `loss`; deploy turns inputs into `score`.

    A net with several heads has the label's name behind those of each head's layers, save for the first `loss`.

    Raises   ValueError where the data set has too many inputs for the net, or too few
    """
    n = NetSpec()
    deploy = phase == "deploy"
    write_inputs(n, data, phase)
    streams = _streams(n, replace(net, style=replace(net.style, dropout=not deploy)), list(data.inputs))
    for i, (label, class_names) in enumerate(data.heads.items()):
        suffix = f"_{label}" if len(data.heads) > 1 else ""
        _Head(n, net, streams, suffix, len(class_names)).write()
        if not deploy:
            void = UNUSED if data.void is None else data.void
            loss = L.SoftmaxWithLoss(
                n[f"score{suffix}"], n[label], loss_param=dict(normalize=normalize, ignore_label=void)
            )
            n[f"loss{suffix}" if i else "loss"] = loss
    return n.to_proto()


def _streams(n: NetSpec, net: Fcn, inputs: list[str]) -> list[Stream]:
    """The trunks of a net, and the one blob that they share where inputs join early."""
    if (len(inputs) > 1) != (net.inputs is not Inputs.ONE):
        expected = "one input" if net.inputs is Inputs.ONE else "several inputs"
        raise ValueError(f"the net takes {expected}; the data set has {' and '.join(inputs)}")
    if net.inputs is Inputs.LATE:
        return [Stream(n, net, name, {"data": name}) for name in inputs]
    if net.inputs is Inputs.EARLY:
        n.data = L.Concat(*(n[name] for name in inputs))
        return [Stream(n, net, "", {"conv1_1": "conv1_1_bgrd"})]
    return [Stream(n, net, "", {"data": inputs[0]})]


@dataclass(frozen=True)
class _Head:
    """The layers from a trunk's taps to `score`, all with one suffix."""

    n: NetSpec
    net: Fcn
    streams: list[Stream]
    suffix: str
    classes: int

    def write(self) -> Top:
        """Write `score`, scores per pixel of what the first trunk reads."""
        pixels = self.streams[0].pixels
        top, upscore = self._score("", "score_fr", "score_fused"), "upscore2"
        learn = self.net.upsampling is not Upsampling.FIXED
        for skip in self.net.skips:
            scored = f"score_{skip.tap}"
            top = self._put(upscore, upsample(top, self.streams[0][skip.tap], self.classes, learn))
            self._score(skip.tap, scored, scored, skip.scale)
            top = self._fuse(upscore, scored, f"fuse_{skip.tap}")
            upscore = f"upscore_{skip.tap}"
        last = upsample(top, pixels, self.classes, learn=self.net.upsampling is Upsampling.LEARNED)
        stride = last.fn.params["convolution_param"]["stride"]
        return self._put("score", crop(self._put(f"upscore{stride}" if self.net.skips else "upscore", last), pixels))

    def _put(self, name: str, top: Top) -> Top:
        self.n[f"{name}{self.suffix}"] = top
        return top

    def _score(self, tap: str, name: str, joint: str, scale: float | None = None) -> Top:
        """Write the scores of a tap, and, named `joint`, the mean of them where several trunks have it."""
        scores = []
        for stream in self.streams:
            top = stream[tap]
            if scale is not None:
                filler = dict(type="constant", value=scale)
                top = self._put(f"scale_{tap}{stream.suffix}", L.Scale(top, filler=filler, param=FROZEN))
            scores.append(self._put(f"{name}{stream.suffix}", score(top, self.classes)))
        if len(scores) == 1:
            return scores[0]
        mean = [1 / len(scores)] * len(scores)
        return self._put(joint, L.Eltwise(*scores, operation=P.Eltwise.SUM, coeff=mean))

    def _fuse(self, upscore: str, skip: str, name: str) -> Top:
        """Join two scores of the same spacing, after cropping the one that starts earlier to the other.

        Trunks that pad by 100 see more around the skip; the others leave a margin around the interpolated scores.
        """
        tops = [self.n[f"{each}{self.suffix}"] for each in (upscore, skip)]
        if begins_before(tops[1], tops[0]):
            tops[1] = self.n[f"{skip}{self.suffix}c"] = crop(tops[1], tops[0])
        else:
            tops[0] = self.n[f"{upscore}{self.suffix}c"] = crop(tops[0], tops[1])
        return self._put(name, L.Eltwise(*tops, operation=self.net.fusion))
