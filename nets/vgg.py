"""VGG: 3 x 3 convolutions in five stages, then fully connected layers; the last of three belongs to the head.

Source   Simonyan and Zisserman, arXiv 1409.1556, configurations D and E; layer names of their Caffe releases.
"""

from __future__ import annotations

from nets.idioms import NetSpec, Style, Top, max_pool

MINI_WIDTH = 1 / 8  # the mini experiment's share of VGG's channels
CHANNELS = (64, 128, 256, 512, 512)  # of each stage
FC6_FINE = "fc6_14x14"  # a separate name: `fcn_repro.model.surgery` makes its initial weights from those of fc6


def vgg16(n: NetSpec, style: Style) -> dict[str, Top]:
    """Write conv1_1 to drop7 on top of `n.data`; taps: pool3 (stride 8), pool4 (16), pool5 (32) and fc7 (32)."""
    return _vgg(n, style, (2, 2, 3, 3, 3))


def vgg19(n: NetSpec, style: Style) -> dict[str, Top]:
    """The same with a fourth convolution in each of the last three stages."""
    return _vgg(n, style, (2, 2, 4, 4, 4))


def vgg16_pool5s1(n: NetSpec, style: Style) -> dict[str, Top]:
    """VGG-16 with pool5 at stride 1, and a 14 x 14 window in fc6 with the same receptive field: fc7 is at stride 16.

    One cell of padding keeps every image size legal: the window is one cell wider than pad 100 allows.

    Source   CVPR 2015, section 4.3: tried, costly and hard to train. The initial fc6 is ours (`surgery.double_kernel`)
    """
    return _vgg(n, style, (2, 2, 3, 3, 3), fine=True)


def _vgg(n: NetSpec, style: Style, depths: tuple[int, ...], fine: bool = False) -> dict[str, Top]:
    """Write a trunk with this number of convolutions per stage; `fine` ends at stride 16, not 32."""
    top, pad = n.data, style.first_pad(1)
    for stage, (depth, channels) in enumerate(zip(depths, CHANNELS), 1):
        for i in range(1, depth + 1):
            name = f"{stage}_{i}"
            n[f"conv{name}"], n[f"relu{name}"] = style.conv_relu(top, channels, pad=pad)
            top, pad = n[f"relu{name}"], 1
        top = n[f"pool{stage}"] = max_pool(top, stride=1 if fine and stage == 5 else 2)

    pad5 = style.surround(n, "pad5", top, CHANNELS[-1])
    if fine:
        n[FC6_FINE], n.relu6 = style.conv_relu(pad5, 4096, ks=14, pad=1)
    else:
        n[style.fc_name("fc6")], n.relu6 = style.fc_relu(pad5, 4096, ks=7)
    drop6 = style.drop(n, "drop6", n.relu6)
    n[style.fc_name("fc7")], n.relu7 = style.fc_relu(drop6, 4096, ks=1)
    drop7 = style.drop(n, "drop7", n.relu7)
    return {**{pool: n[pool] for pool in ("pool3", "pool4", "pool5")}, "fc7": drop7}
