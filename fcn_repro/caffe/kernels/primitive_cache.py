"""oneDNN's cache of primitives, kept small for large nets.

oneDNN keeps 1,024 primitives, programs for one operation at one size with their memory. A training step of FCN-8s
uses some 100; another image size adds another 100. Over 64 images of VOC's sizes a VGG net without fc6 and fc7 then
held 3.2 to 3.8 GB in bfloat16, and with 48 primitives 2.35 GB, where images of one size need 2.14 GB. To make a
primitive anew takes some 0.3 ms, which a net of large filters does not notice, and a small one does.

ONEDNN_PRIMITIVE_CACHE_CAPACITY, DNNL_PRIMITIVE_CACHE_CAPACITY   of the user's own win
"""

import os

import torch

from fcn_repro.caffe import kernels

CAPACITY = 48  # primitives
LARGE = 10_000_000  # parameters of a net whose operations take much longer than making their primitives


def limit_primitives(parameters: int) -> None:
    """Before a net with so many parameters runs: limit the cache, if no convolution of this process has run yet.

    oneDNN reads the limit once, at the first primitive, from the environment, which is the same afterwards.
    """
    capacity = os.environ.get("ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    chosen_by_user = capacity or os.environ.get("DNNL_PRIMITIVE_CACHE_CAPACITY")
    if parameters < LARGE or chosen_by_user or not kernels.is_enabled() or not torch.backends.mkldnn.is_available():
        return
    os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = str(CAPACITY)
    try:
        torch.mkldnn_convolution(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), None, [0, 0], [1, 1], [1, 1], 1)
    finally:
        del os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"]
