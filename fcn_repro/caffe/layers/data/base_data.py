"""Base classes of the layers that produce data.

Source   caffe 9b89154 base_data_layer.cpp
"""

from collections.abc import Sequence

import numpy as np
import torch

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.data_transformer import DataTransformer
from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.random import rng

Item = tuple[np.ndarray, int]  # an image (C, H, W) and its label


class BaseDataLayer(Layer):
    """A layer without bottoms. `setup` sets the shapes of its tops, and `backward` does nothing."""

    bottoms = exactly(0)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Keep the shapes."""

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Do nothing."""


class BatchDataLayer(BaseDataLayer):
    """Batches of labelled images from a source that is read in order and repeated: Data and ImageData.

    Differs  Caffe prefetches batches in a thread; items, order and random draws are the same
    """

    batch_size: int

    def open_source(self) -> None:
        """Read the parameters and find the first item."""
        raise NotImplementedError

    def item(self) -> Item:
        """Read the current item."""
        raise NotImplementedError

    def advance(self) -> None:
        """Move to the next item; the first follows the last."""
        raise NotImplementedError

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Open the source and shape the tops by its first item. Seeds are drawn in Caffe's order."""
        self._transform = DataTransformer(self.param.transform_param, self.phase, self.param.name)
        self.open_source()
        if self.batch_size < 1:
            raise self.error(f"got batch_size {self.batch_size}; expected at least 1")
        self._transform.seed()
        rng.host().draw()  # the seed of Caffe's prefetching thread
        image, _ = self.item()
        data = (self.batch_size, len(image), *self._transform.size(*image.shape[1:]))
        self.shape_tops(top, [data, (self.batch_size,)][: len(top)])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Output the next batch. All its images must have the size of the first."""
        images, labels = zip(*(self._take() for _ in range(self.batch_size)), strict=True)
        if len({image.shape for image in images}) > 1:
            raise self.error(f"got images of sizes {sorted({image.shape for image in images})} in one batch")
        top[0].reshape(self.batch_size, *images[0].shape)
        top[0].store(torch.from_numpy(np.stack(images)))
        if len(top) > 1:
            top[1].reshape(self.batch_size)
            top[1].store(torch.tensor(labels, dtype=torch.float32))

    def _take(self) -> Item:
        image, label = self.item()
        self.advance()
        return self._transform(image), label
