"""One layer by itself, on numpy arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from google.protobuf import text_format

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers import create_layer
from fcn_repro.caffe.proto import caffe_pb2


class OneLayer:
    """A layer of a type with the param text given; `bottom` and `top` are its Blobs."""

    def __init__(
        self,
        type_: str,
        bottoms: Sequence[np.ndarray] = (),
        param: str = "",
        tops: int = 1,
        phase: int = caffe_pb2.TRAIN,
    ) -> None:
        names = [f"b{index}" for index in range(len(bottoms))]
        message = caffe_pb2.LayerParameter(
            name="layer", type=type_, bottom=names, top=[f"t{index}" for index in range(tops)], phase=phase
        )
        text_format.Merge(param, message)
        self.bottom = [Blob(array.shape) for array in bottoms]
        self.top = [Blob((0,)) for _ in range(tops)]
        for blob, array in zip(self.bottom, bottoms, strict=True):
            blob.data[...] = array
        self.layer = create_layer(message)
        self.layer.setup(self.bottom, self.top)
        self.layer.param_propagate_down = [True] * len(self.layer.blobs)
        self.layer.reshape(self.bottom, self.top)

    def forward(self) -> np.ndarray:
        """The first top's values."""
        self.layer.reshape(self.bottom, self.top)
        self.layer.forward(self.bottom, self.top)
        return self.top[0].data.copy() if self.top else np.zeros(0)

    def backward(self, top_diff: np.ndarray | float = 1.0) -> np.ndarray:
        """The first bottom's gradient."""
        self.top[0].store_gradient(torch.as_tensor(np.broadcast_to(np.float32(top_diff), self.top[0].dims).copy()))
        self.layer.backward(
            self.top, [self.layer.allow_force_backward(i) for i in range(len(self.bottom))], self.bottom
        )
        return self.bottom[0].diff.copy()
