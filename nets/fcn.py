"""Fully convolutional networks: score a trunk's taps, add them at one stride, and interpolate to pixels.

Kernels, strides and crop offsets follow from the trunk; 32s, 16s, 8s and at-once differ in their list of skips.

Source   Long, Shelhamer and Darrell, section 4; layer names of the reference, 1305c73.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Callable

from fcn_repro.datasets.data_set import VOID
from nets.alexnet import caffenet
from nets.data import Data, write_inputs
from nets.googlenet import googlenet, googlenet_pooled
from nets.idioms import FROZEN, L, NetSpec, P, Renamed, Style, Top, crop, score, starts_before, upsample
from nets.vgg import MINI_WIDTH, vgg16, vgg16_pool5s1, vgg19

PADDED = Style(pad=100)  # images of every size survive five poolings and fc6
MINI = replace(PADDED, width=MINI_WIDTH)
SCRATCH = "msra"  # the filler of fc layers without initial weights (He et al., 2015)


class Inputs(Enum):
    """How a net combines a data set's inputs."""

    ONE = "one input"
    EARLY = "concatenated channels of one blob, `data`; the trunk's first layer has another name"
    LATE = "one trunk per input, whose name is a suffix of its layers; the scores are averaged"


class Upsampling(Enum):
    """Which interpolations are trained, starting from bilinear ones. The reference trains none."""

    FIXED = "none"
    INTERMEDIATE = "all but the last: CVPR 2015, section 4.3"
    LEARNED = "all"


@dataclass(frozen=True)
class Skip:
    """A finer tap that is scored and added; `scale` reduces it where a whole net is trained at once."""

    tap: str
    scale: float | None = None


@dataclass(frozen=True)
class Fcn:
    """A trunk, and how its taps become scores per pixel.

    skips        the taps that are added to the coarsest one, from coarse to fine
    top          the coarsest tap; later layers of the trunk are removed. Empty: the trunk's last tap
    fusion       Eltwise's SUM or MAX
    score_std    standard deviation of the score layers' initial weights; 0: zeros
    """

    trunk: Callable[[NetSpec, Style], dict[str, Top]]
    skips: tuple[Skip, ...] = ()
    style: Style = PADDED
    top: str = ""
    fusion: int = P.Eltwise.SUM
    upsampling: Upsampling = Upsampling.FIXED
    inputs: Inputs = Inputs.ONE
    score_std: float = 0


POOL4, POOL3 = Skip("pool4"), Skip("pool3")
S16, S8 = (POOL4,), (POOL4, POOL3)
AT_ONCE = (Skip("pool4", scale=1e-2), Skip("pool3", scale=1e-4))
INCEPTION_4E, INCEPTION_3B = Skip("inception_4e"), Skip("inception_3b")


def _vggs(style: Style) -> dict[str, Fcn]:
    """Every net on VGG-16, by the suffix of its name."""
    return {
        "32s": Fcn(vgg16, (), style),
        "16s": Fcn(vgg16, S16, style),
        "8s": Fcn(vgg16, S8, style),
        "8s-atonce": Fcn(vgg16, AT_ONCE, style),
        # NYUDv2's: 32s in the reference, 16s in CVPR's table 4 alone.
        "32s-early": Fcn(vgg16, (), style, inputs=Inputs.EARLY),
        "32s-late": Fcn(vgg16, (), style, inputs=Inputs.LATE),
        "16s-late": Fcn(vgg16, S16, style, inputs=Inputs.LATE),
        # Mentioned in the papers. Of these the weights of 16s-cvpr and 8s-cvpr were released, with the CVPR paper.
        "32s-fixed": Fcn(vgg16, (), replace(style, fixed=True)),
        "16s-fixed": Fcn(vgg16, S16, replace(style, fixed=True)),
        "8s-fixed": Fcn(vgg16, S8, replace(style, fixed=True)),
        "pool5": Fcn(vgg16, (), style, top="pool5"),
        "pool4": Fcn(vgg16, (), style, top="pool4"),
        "pool3": Fcn(vgg16, (), style, top="pool3"),
        "16s-cvpr": Fcn(vgg16, S16, style, upsampling=Upsampling.INTERMEDIATE),
        "8s-cvpr": Fcn(vgg16, S8, style, upsampling=Upsampling.INTERMEDIATE),
        "32s-nodropout": Fcn(vgg16, (), replace(style, dropout=False)),
        "32s-random": Fcn(vgg16, (), style, score_std=0.01),
        "32s-learned": Fcn(vgg16, (), style, upsampling=Upsampling.LEARNED),
        "16s-learned": Fcn(vgg16, S16, style, upsampling=Upsampling.LEARNED),
        "8s-learned": Fcn(vgg16, S8, style, upsampling=Upsampling.LEARNED),
        "16s-max": Fcn(vgg16, S16, style, fusion=P.Eltwise.MAX),
        "8s-max": Fcn(vgg16, S8, style, fusion=P.Eltwise.MAX),
        "16s-pool5s1": Fcn(vgg16_pool5s1, (), style),
        # For weights without fc layers: an eighth of the fc channels without dropout, then all of them.
        "32s-narrow": Fcn(vgg16, (), replace(style, fc_width=1 / 8, fc_filler=SCRATCH, dropout=False)),
        "32s-scratch": Fcn(vgg16, (), replace(style, fc_filler=SCRATCH)),
    }


FCNS = {
    **{f"vgg16-{name}": net for name, net in _vggs(PADDED).items()},
    **{f"vgg16-mini-{name}": net for name, net in _vggs(MINI).items()},
    "vgg19-32s": Fcn(vgg19),
    # The reference gives CaffeNet's layers no multipliers: their biases train and decay like weights.
    "alexnet-32s": Fcn(caffenet, (), replace(PADDED, multipliers=False)),
    # Never released. The classifier's own pad is enough for every image from 31 x 31 pixels on.
    "googlenet-32s": Fcn(googlenet, (), Style()),
    "googlenet-16s": Fcn(googlenet, (INCEPTION_4E,), Style()),
    "googlenet-8s": Fcn(googlenet, (INCEPTION_4E, INCEPTION_3B), Style()),
    # With the classifier's average over 7 x 7 cells, which needs more padding.
    "googlenet-32s-pooled": Fcn(googlenet_pooled),
    "googlenet-16s-pooled": Fcn(googlenet_pooled, (INCEPTION_4E,)),
    "googlenet-8s-pooled": Fcn(googlenet_pooled, (INCEPTION_4E, INCEPTION_3B)),
}


class Stream:
    """A trunk over one input, written on the first access to a tap: this gives the reference's order of layers."""

    def __init__(self, n: NetSpec, net: Fcn, suffix: str, renamed: dict[str, str]) -> None:
        self.suffix = suffix
        self._n, self._net = n, net
        self._view: Any = Renamed(n, lambda name: renamed.get(name, name + suffix))
        self._taps: dict[str, Top] = {}

    @property
    def pixels(self) -> Top:
        """The input of the trunk."""
        return self._view.data

    def find_tap(self, tap: str) -> Top:
        """A tap by name; the coarsest one for an empty name."""
        if not self._taps:
            self._write_trunk()
        if tap:
            return self._taps[tap]
        return self._taps[self._net.top] if self._net.top else list(self._taps.values())[-1]

    def _write_trunk(self) -> None:
        self._taps = self._net.trunk(self._view, self._net.style)
        if self._net.top:
            names, tops = list(self._n.tops), list(self._n.tops.values())
            for name in names[tops.index(self._taps[self._net.top]) + 1 :]:
                del self._n.tops[name]


def build_fcn(net: Fcn, phase: str, data: Data, normalize: bool) -> Any:
    """The NetParameter for a phase: train and val read data and end in `loss`; deploy computes `score` from inputs.

    In a net with several heads the label's name is a suffix of each head's layers, except for the first `loss`.

    Raises   ValueError if the data set has another number of inputs than the net
    """
    n = NetSpec()
    deploy = phase == "deploy"
    write_inputs(n, data, phase)
    style = replace(net.style, dropout=net.style.dropout and not deploy)
    streams = _make_streams(n, replace(net, style=style), list(data.inputs))
    for i, (label, class_names) in enumerate(data.heads.items()):
        suffix = f"_{label}" if len(data.heads) > 1 else ""
        _Head(n, net, streams, suffix, len(class_names)).write()
        if not deploy:
            # Only data sets with class weights have this attribute.
            infogain = getattr(data, "infogain", "") if i == 0 else ""
            loss = _make_loss(n[f"score{suffix}"], n[label], data, infogain, normalize)
            n["loss" if i == 0 else f"loss{suffix}"] = loss
    return n.to_proto()


def _make_loss(score: Top, label: Top, data: Data, infogain: str, normalize: bool) -> Top:
    """The loss of a head: the softmax's cross entropy, weighted by the matrix of a file if there is one."""
    # The reference's losses ignore 255 even where no pixel has it.
    ignored = VOID if data.void is None else data.void
    if not infogain:
        return L.SoftmaxWithLoss(score, label, loss_param=dict(normalize=normalize, ignore_label=ignored))
    normalization = P.Loss.VALID if normalize else P.Loss.BATCH_SIZE  # the layer does not know `normalize`
    loss_param = dict(normalization=normalization, ignore_label=ignored)
    return L.InfogainLoss(score, label, infogain_loss_param=dict(source=infogain), loss_param=loss_param)


def _make_streams(n: NetSpec, net: Fcn, inputs: list[str]) -> list[Stream]:
    """The trunks of a net; with early fusion also its Concat."""
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

    def write(self) -> None:
        """Write `score`: scores for every pixel of the first trunk's input."""
        pixels = self.streams[0].pixels
        top = self._write_score("", self.net.style.fc_name("score_fr"), "score_fused")
        upscore = "upscore2"
        trained = self.net.upsampling is not Upsampling.FIXED
        for skip in self.net.skips:
            scored = f"score_{skip.tap}"
            top = self._write(upscore, upsample(top, self.streams[0].find_tap(skip.tap), self.classes, trained))
            self._write_score(skip.tap, scored, scored, skip.scale)
            top = self._fuse(upscore, scored, f"fuse_{skip.tap}")
            upscore = f"upscore_{skip.tap}"
        last = upsample(top, pixels, self.classes, trained=self.net.upsampling is Upsampling.LEARNED)
        stride = last.fn.params["convolution_param"]["stride"]
        self._write(f"upscore{stride}" if self.net.skips else "upscore", last)
        self._write("score", crop(last, pixels))

    def _write(self, name: str, top: Top) -> Top:
        self.n[f"{name}{self.suffix}"] = top
        return top

    def _write_score(self, tap: str, name: str, fused: str, scale: float | None = None) -> Top:
        """Write the scores of a tap, and their mean over several trunks, named `fused`."""
        scores = []
        for stream in self.streams:
            top = stream.find_tap(tap)
            if scale is not None:
                filler = dict(type="constant", value=scale)
                top = self._write(f"scale_{tap}{stream.suffix}", L.Scale(top, filler=filler, param=FROZEN))
            scores.append(self._write(f"{name}{stream.suffix}", score(top, self.classes, self.net.score_std)))
        if len(scores) == 1:
            return scores[0]
        mean = [1 / len(scores)] * len(scores)
        return self._write(fused, L.Eltwise(*scores, operation=P.Eltwise.SUM, coeff=mean))

    def _fuse(self, upscore: str, skip: str, name: str) -> Top:
        """Join two scores of the same stride, after cropping the one that starts earlier to the other.

        With pad 100 the skip is larger; without it the interpolated scores are.
        """
        upscore_top, skip_top = self.n[f"{upscore}{self.suffix}"], self.n[f"{skip}{self.suffix}"]
        if starts_before(skip_top, upscore_top):
            skip_top = self._write_crop(skip, skip_top, upscore_top)
        else:
            upscore_top = self._write_crop(upscore, upscore_top, skip_top)
        return self._write(name, L.Eltwise(upscore_top, skip_top, operation=self.net.fusion))

    def _write_crop(self, name: str, top: Top, to: Top) -> Top:
        cropped = self.n[f"{name}{self.suffix}c"] = crop(top, to)
        return cropped
