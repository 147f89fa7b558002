"""VGG-16: thirteen 3 x 3 convolutions in five stages, and three fully connected layers of which the last is the head's.

Source   Simonyan and Zisserman, arXiv 1409.1556, configuration D; layer names of its Caffe release.
"""

from __future__ import annotations

from nets.idioms import NetSpec, Style, Top, max_pool

MINI_WIDTH = 1 / 8  # the mini experiment's share of VGG's channels


def vgg16(n: NetSpec, style: Style) -> dict[str, Top]:
    """Write conv1_1 to drop7 on top of `n.data`; the taps are pool3 (stride 8), pool4 (16) and fc7 (32)."""
    conv_relu = style.conv_relu
    n.conv1_1, n.relu1_1 = conv_relu(n.data, 64, pad=style.first_pad(1))
    n.conv1_2, n.relu1_2 = conv_relu(n.relu1_1, 64)
    n.pool1 = max_pool(n.relu1_2)

    n.conv2_1, n.relu2_1 = conv_relu(n.pool1, 128)
    n.conv2_2, n.relu2_2 = conv_relu(n.relu2_1, 128)
    n.pool2 = max_pool(n.relu2_2)

    n.conv3_1, n.relu3_1 = conv_relu(n.pool2, 256)
    n.conv3_2, n.relu3_2 = conv_relu(n.relu3_1, 256)
    n.conv3_3, n.relu3_3 = conv_relu(n.relu3_2, 256)
    n.pool3 = max_pool(n.relu3_3)

    n.conv4_1, n.relu4_1 = conv_relu(n.pool3, 512)
    n.conv4_2, n.relu4_2 = conv_relu(n.relu4_1, 512)
    n.conv4_3, n.relu4_3 = conv_relu(n.relu4_2, 512)
    n.pool4 = max_pool(n.relu4_3)

    n.conv5_1, n.relu5_1 = conv_relu(n.pool4, 512)
    n.conv5_2, n.relu5_2 = conv_relu(n.relu5_1, 512)
    n.conv5_3, n.relu5_3 = conv_relu(n.relu5_2, 512)
    n.pool5 = max_pool(n.relu5_3)

    pad5 = style.surround(n, "pad5", n.pool5, 512)
    n.fc6, n.relu6 = style.fc_relu(pad5, 4096, ks=7)
    drop6 = style.drop(n, "drop6", n.relu6)
    n.fc7, n.relu7 = style.fc_relu(drop6, 4096, ks=1)
    drop7 = style.drop(n, "drop7", n.relu7)
    return {"pool3": n.pool3, "pool4": n.pool4, "fc7": drop7}
