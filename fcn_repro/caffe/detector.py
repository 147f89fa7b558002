"""caffe.Detector: the output for windows of images.

Source   caffe 9b89154 python/caffe/detector.py
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fcn_repro.caffe.classifier import ImageInputNet
from fcn_repro.caffe.io import load_image, resize_image

Window = Sequence[int]  # ymin, xmin, ymax, xmax


class Detector(ImageInputNet):
    """Warps windows to the input's size; `context_pad` input pixels on each side show the window's surroundings."""

    def __init__(
        self,
        model_file: str | Path,
        pretrained_file: str | Path,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
    ) -> None:
        steps = {"mean": mean, "input_scale": input_scale, "raw_scale": raw_scale, "channel_swap": channel_swap}
        super().__init__(model_file, pretrained_file, **steps)
        self.configure_crop(context_pad)

    def detect_windows(self, images_windows: Iterable[tuple[str, Sequence[Window]]]) -> list[dict[str, Any]]:
        """Return one dict per window, in order: `window`, `prediction` (the first output) and `filename`."""
        found, crops = [], []
        for filename, windows in images_windows:
            image = load_image(filename)
            for window in windows:
                found.append({"window": window, "filename": filename})
                crops.append(self.crop(image, window))
        predictions = self._predict(crops)
        return [{**one, "prediction": prediction} for one, prediction in zip(found, predictions, strict=True)]

    def detect_selective_search(self, image_fnames: Iterable[str]) -> list[dict[str, Any]]:
        """Call `detect_windows` on proposals of the package selective_search_ijcv_with_python.

        Raises   ModuleNotFoundError when it is not on sys.path
        """
        import selective_search_ijcv_with_python as selective_search

        paths = [os.path.abspath(name) for name in image_fnames]
        windows = selective_search.get_windows(paths, cmd="selective_search_rcnn")
        return self.detect_windows(zip(paths, windows, strict=True))

    def crop(self, im: np.ndarray, window: Window) -> np.ndarray:
        """Return a window of an image; with context at the input's size, and the mean outside the image."""
        low, high = np.array(window[:2]), np.array(window[2:])
        if not self.context_pad:
            return im[low[0] : high[0], low[1] : high[1]]
        size = self.crop_dims[1]  # of a square input
        half = (high - low + 1) / 2
        centre = low + half
        half = half * size / (size - 2 * self.context_pad)
        low, high = np.round(centre - half), np.round(centre + half)
        scale = size / (high - low + 1)
        start = np.round(np.maximum(0, -low) * scale).astype(int)
        low, high = (np.clip(corner, 0, im.shape[:2]).astype(int) for corner in (low, high))
        extent = np.minimum(np.round((high - low + 1) * scale).astype(int), size - start)
        canvas = np.ones(self.crop_dims, np.float32) * self.crop_mean
        stop = start + extent
        canvas[start[0] : stop[0], start[1] : stop[1]] = resize_image(im[low[0] : high[0], low[1] : high[1]], extent)
        return canvas

    def configure_crop(self, context_pad: int | None) -> None:
        """Set the context, and the mean to pad with: the input's mean as an unscaled R G B image (H, W, K)."""
        name = self.inputs[0]
        _, channels, height, width = self.blobs[name].dims
        self.crop_dims = np.array((height, width, channels))
        self.context_pad = context_pad
        mean = self.transformer.mean.get(name, np.zeros((channels, 1, 1), np.float32))
        mean = mean[np.argsort(self.transformer.channel_swap.get(name, range(channels)))]
        self.crop_mean = mean.transpose(1, 2, 0) / self.transformer.raw_scale.get(name, 1)
