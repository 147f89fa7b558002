"""caffe.Classifier: class probabilities of images.

Source   caffe 9b89154 python/caffe/classifier.py
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro.caffe.io import Transformer, resize_image
from fcn_repro.caffe.io import oversample as ten_crops
from fcn_repro.caffe.net.net import Net
from fcn_repro.caffe.proto import caffe_pb2


class ImageInputNet(Net):
    """A TEST net whose first input takes images (H, W, K), prepared by `transformer`.

    `preprocessing` holds the Transformer's mean, input_scale, raw_scale and channel_swap; None leaves a step out.
    """

    def __init__(self, model_file: str | Path, pretrained_file: str | Path, **preprocessing: Any) -> None:
        super().__init__(model_file, caffe_pb2.TEST, weights=pretrained_file)
        name = self.inputs[0]
        self.transformer = Transformer({name: self.blobs[name].dims})
        self.transformer.set_transpose(name, (2, 0, 1))
        for step, value in preprocessing.items():
            if value is not None:
                getattr(self.transformer, f"set_{step}")(name, value)

    def _predict(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Return the first output for every image."""
        name = self.inputs[0]
        batch = np.array([self.transformer.preprocess(name, image) for image in images])
        return self.forward_all(**{name: batch})[self.outputs[0]]


class Classifier(ImageInputNet):
    """Resizes images to `image_dims` (height, width) and classifies crops of the input's size, by default the same."""

    def __init__(
        self,
        model_file: str | Path,
        pretrained_file: str | Path,
        image_dims: Sequence[int] | None = None,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
    ) -> None:
        steps = {"mean": mean, "input_scale": input_scale, "raw_scale": raw_scale, "channel_swap": channel_swap}
        super().__init__(model_file, pretrained_file, **steps)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].dims[2:])
        self.image_dims = self.crop_dims if image_dims is None else np.array(image_dims)

    def predict(self, inputs: Sequence[np.ndarray], oversample: bool = True) -> np.ndarray:
        """Return class probabilities (N, classes) of N images (H, W, K): centre crop, or mean over ten crops."""
        images = [resize_image(image, self.image_dims) for image in inputs]
        if not oversample:
            y, x = (self.image_dims - self.crop_dims) // 2
            height, width = self.crop_dims
            return self._predict([image[y : y + height, x : x + width] for image in images])
        predictions = self._predict(ten_crops(images, self.crop_dims))
        return predictions.reshape(len(images), 10, -1).mean(1)
