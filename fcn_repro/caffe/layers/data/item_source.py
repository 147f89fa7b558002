"""What Data and ImageData share: images with labels, one after the other, gathered into batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fcn_repro.caffe.random import rng
from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.data_transformer import DataTransformer
from fcn_repro.caffe.layers.base import Layer, exactly

Item = tuple[np.ndarray, int]  # an image (C, H, W) and its label


class ItemSource(Layer):
    """A layer without bottoms that reads items in order, around and around.

    Differs  Caffe reads some batches ahead in a thread; the items, their order and their random draws are the same
    Source   caffe 9b89154 base_data_layer.cpp
    """

    bottoms = exactly(0)
    batch_size: int

    def open_source(self) -> None:
        """Read the parameters, find the first item."""
        raise NotImplementedError

    def item(self) -> Item:
        """The item to come, again and again until `advance`."""
        raise NotImplementedError

    def advance(self) -> None:
        """Go on to the next item, after the last to the first."""
        raise NotImplementedError

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Open the source and shape the tops like its first item. Draws seeds in Caffe's order."""
        self._transform = DataTransformer(self.param.transform_param, self.phase, self.param.name)
        self.open_source()
        if self.batch_size < 1:
            raise self.error(f"has batch_size {self.batch_size}; expected at least 1")
        self._transform.seed()
        rng.host().draw()  # Caffe's reading thread seeds itself with it
        image, _ = self.item()
        data = (self.batch_size, len(image), *self._transform.size(*image.shape[1:]))
        self.shape_tops(top, [data, (self.batch_size,)][: len(top)])

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Nothing: the tops are shaped when a batch is there."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Hand out the next batch; all its images must have the size of its first."""
        images, labels = zip(*(self._take() for _ in range(self.batch_size)), strict=True)
        if len({image.shape for image in images}) > 1:
            raise self.error(f"got images of sizes {sorted({image.shape for image in images})} in one batch")
        top[0].reshape(self.batch_size, *images[0].shape)
        top[0].store(torch.from_numpy(np.stack(images)))
        if len(top) > 1:
            top[1].reshape(self.batch_size)
            top[1].store(torch.tensor(labels, dtype=torch.float32))

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Nothing: there is no bottom."""

    def _take(self) -> Item:
        image, label = self.item()
        self.advance()
        return self._transform(image), label
