"""AlexNet, and CaffeNet, which pools before normalisation: five convolutions and three fully connected layers.

Source   Krizhevsky, Sutskever and Hinton, NIPS 2012; caffe 9b89154 models/bvlc_alexnet and bvlc_reference_caffenet.
"""

from __future__ import annotations

from typing import Callable

from nets.idioms import NetSpec, Style, Top, max_pool, normalise


def caffenet(n: NetSpec, style: Style) -> dict[str, Top]:
    """Write conv1 to drop7 on top of `n.data`; the only tap is fc7 (stride 32)."""
    return _layers(n, style, _pool_and_normalise)


def alexnet(n: NetSpec, style: Style) -> dict[str, Top]:
    """The same layers in AlexNet's order."""
    return _layers(n, style, _normalise_and_pool)


def _layers(n: NetSpec, style: Style, thin: Callable[[NetSpec, int, Top], Top]) -> dict[str, Top]:
    n.conv1, n.relu1 = style.conv_relu(n.data, 96, ks=11, stride=4, pad=style.first_pad(0), group=1)
    n.conv2, n.relu2 = style.conv_relu(thin(n, 1, n.relu1), 256, ks=5, pad=2, group=2)
    n.conv3, n.relu3 = style.conv_relu(thin(n, 2, n.relu2), 384, group=1)
    n.conv4, n.relu4 = style.conv_relu(n.relu3, 384, group=2)
    n.conv5, n.relu5 = style.conv_relu(n.relu4, 256, group=2)
    n.pool5 = max_pool(n.relu5, ks=3)

    n.fc6, n.relu6 = style.fc_relu(n.pool5, 4096, ks=6, group=1)
    drop6 = style.drop(n, "drop6", n.relu6)
    n.fc7, n.relu7 = style.fc_relu(drop6, 4096, ks=1, group=1)
    drop7 = style.drop(n, "drop7", n.relu7)
    return {"fc7": drop7}


def _pool_and_normalise(n: NetSpec, stage: int, bottom: Top) -> Top:
    n[f"pool{stage}"] = max_pool(bottom, ks=3)
    n[f"norm{stage}"] = normalise(n[f"pool{stage}"])
    return n[f"norm{stage}"]


def _normalise_and_pool(n: NetSpec, stage: int, bottom: Top) -> Top:
    n[f"norm{stage}"] = normalise(bottom)
    n[f"pool{stage}"] = max_pool(n[f"norm{stage}"], ks=3)
    return n[f"pool{stage}"]
