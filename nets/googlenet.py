"""GoogLeNet: nine inception modules of four parallel branches each.

Source   Szegedy et al., arXiv 1409.4842, table 1; layer names of caffe 9b89154 models/bvlc_googlenet.
"""

from __future__ import annotations

from nets.idioms import L, NetSpec, P, Style, Top, max_pool, normalise


def googlenet(n: NetSpec, style: Style) -> dict[str, Top]:
    """Write conv1 to inception_5b, with dropout; taps: inception_3b (stride 8), inception_4e (16), inception_5b (32).

    Without the classifier's average pooling: the paper found that segmentation improves without it.
    """
    taps = _modules(n, style)
    return {**taps, "inception_5b": style.drop(n, "inception_5b/drop", n["inception_5b/output"], 0.4)}


def googlenet_pooled(n: NetSpec, style: Style) -> dict[str, Top]:
    """The same with inception_5b averaged over 7 x 7 cells, as in the classifier; a further tap: pool5 (stride 32)."""
    taps = _modules(n, style)
    n["pool5/7x7_s1"] = L.Pooling(n["inception_5b/output"], pool=P.Pooling.AVE, kernel_size=7, stride=1)
    return {**taps, "pool5": style.drop(n, "pool5/drop_7x7_s1", n["pool5/7x7_s1"], 0.4)}


def auxiliary(n: NetSpec, name: str, bottom: Top, style: Style, classes: int) -> None:
    """Write an auxiliary classifier of an inner layer; training adds its loss with weight 0.3."""
    n[f"{name}/ave_pool"] = L.Pooling(bottom, pool=P.Pooling.AVE, kernel_size=5, stride=3)
    n[f"{name}/conv"], n[f"{name}/relu_conv"] = style.conv_relu(n[f"{name}/ave_pool"], 128, ks=1, pad=0)
    n[f"{name}/fc"], n[f"{name}/relu_fc"] = style.fc_relu(n[f"{name}/relu_conv"], 1024, ks=4)
    drop = style.drop(n, f"{name}/drop_fc", n[f"{name}/relu_fc"], 0.7)
    n[f"{name}/classifier"] = style.classify(drop, classes)
    n[f"{name}/{name}"] = L.SoftmaxWithLoss(n[f"{name}/classifier"], n.label, name=f"{name}/loss", loss_weight=0.3)


def _modules(n: NetSpec, style: Style) -> dict[str, Top]:
    """Write conv1 to inception_5b; the taps below the last."""

    def conv_relu(name: str, bottom: Top, nout: int, ks: int, **window: int) -> Top:
        relu = name.replace("/", "/relu_").replace("_s2", "")
        n[name], n[relu] = style.conv_relu(bottom, nout, ks=ks, **window)
        return n[relu]

    def inception(name: str, bottom: Top, c1: int, c3_in: int, c3: int, c5_in: int, c5: int, c_pool: int) -> Top:
        """Channels: of 1 x 1, of 3 x 3 and the 1 x 1 before it, of 5 x 5 and the 1 x 1 before it, and after pooling."""
        one = conv_relu(f"{name}/1x1", bottom, c1, 1, pad=0)
        three = conv_relu(f"{name}/3x3", conv_relu(f"{name}/3x3_reduce", bottom, c3_in, 1, pad=0), c3, 3)
        five = conv_relu(f"{name}/5x5", conv_relu(f"{name}/5x5_reduce", bottom, c5_in, 1, pad=0), c5, 5, pad=2)
        n[f"{name}/pool"] = max_pool(bottom, ks=3, stride=1, pad=1)
        pool = conv_relu(f"{name}/pool_proj", n[f"{name}/pool"], c_pool, 1, pad=0)
        n[f"{name}/output"] = L.Concat(one, three, five, pool)
        return n[f"{name}/output"]

    top = conv_relu("conv1/7x7_s2", n.data, 64, 7, stride=2, pad=style.first_pad(3))
    n["pool1/3x3_s2"] = max_pool(top, ks=3)
    n["pool1/norm1"] = normalise(n["pool1/3x3_s2"])
    top = conv_relu("conv2/3x3_reduce", n["pool1/norm1"], 64, 1, pad=0)
    top = conv_relu("conv2/3x3", top, 192, 3)
    n["conv2/norm2"] = normalise(top)
    n["pool2/3x3_s2"] = max_pool(n["conv2/norm2"], ks=3)

    top = inception("inception_3a", n["pool2/3x3_s2"], 64, 96, 128, 16, 32, 32)
    top = inception("inception_3b", top, 128, 128, 192, 32, 96, 64)
    n["pool3/3x3_s2"] = max_pool(top, ks=3)

    top = inception("inception_4a", n["pool3/3x3_s2"], 192, 96, 208, 16, 48, 64)
    top = inception("inception_4b", top, 160, 112, 224, 24, 64, 64)
    top = inception("inception_4c", top, 128, 128, 256, 24, 64, 64)
    top = inception("inception_4d", top, 112, 144, 288, 32, 64, 64)
    top = inception("inception_4e", top, 256, 160, 320, 32, 128, 128)
    n["pool4/3x3_s2"] = max_pool(top, ks=3)

    top = inception("inception_5a", n["pool4/3x3_s2"], 256, 160, 320, 32, 128, 128)
    inception("inception_5b", top, 384, 192, 384, 48, 128, 128)
    return {name: n[f"{name}/output"] for name in ("inception_3b", "inception_4e")}
