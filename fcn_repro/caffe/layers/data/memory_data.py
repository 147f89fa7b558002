"""MemoryData."""

from collections.abc import Sequence

import numpy as np
import torch

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.base import exactly
from fcn_repro.caffe.layers.data.base_data import BaseDataLayer


class MemoryData(BaseDataLayer):
    """Consecutive batches, repeated, of the arrays set by Net.set_input_arrays.

    Tops
        data    (N, C, H, W)
        label   (N); (N, 1, 1, 1) after the first forward
    Reads    memory_data_param: batch_size, channels, height, width; transform_param is ignored
    Source   caffe 9b89154 memory_data_layer.cpp, _caffe.cpp (Net_SetInputArrays)
    """

    tops = exactly(2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.memory_data_param
        self._batch = param.batch_size
        self._item = (param.channels, param.height, param.width)
        if 0 in (self._batch, *self._item):
            raise self.error(f"got batch_size {self._batch} and items of {list(self._item)}; expected at least 1 each")
        self._arrays: tuple[np.ndarray, np.ndarray] | None = None
        self.shape_tops(top, [(self._batch, *self._item), (self._batch,)])

    def set_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Restart with float32 data (n, C, H, W) and labels (n) or (n, 1, 1, 1), n a multiple of the batch size.

        The arrays are kept, not copied.

        Raises   CaffeError for other arrays.
        """
        labels = labels.reshape(-1, 1, 1, 1) if labels.ndim == 1 else labels
        for name, array in (("data", data), ("labels", labels)):
            if array.dtype != np.float32 or array.ndim != 4 or not array.flags.c_contiguous:
                raise CaffeError(
                    f"{name} must be a C-contiguous float32 array with 4 axes, not {array.dtype} of shape {array.shape}"
                )
        if data.shape[1:] != self._item or labels.shape != (len(data), 1, 1, 1) or len(data) % self._batch:
            raise CaffeError(
                f"layer {self.param.name!r} takes data (n, {', '.join(map(str, self._item))}) and n labels with n a "
                f"multiple of {self._batch}, not data of shape {data.shape} and labels of shape {labels.shape}"
            )
        self._arrays, self._position = (data, labels), 0

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._arrays is None:
            raise self.error("has no data. Fix: call net.set_input_arrays(data, labels)")
        rows = slice(self._position, self._position + self._batch)
        for blob, array in zip(top, self._arrays, strict=True):
            blob.reshape(self._batch, *array.shape[1:])
            blob.store(torch.tensor(array[rows]))
        self._position = rows.stop % len(self._arrays[0])
