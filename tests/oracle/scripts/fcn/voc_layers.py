import ast
import random

import caffe
import numpy as np
from PIL import Image


class VOCSegDataLayer(caffe.Layer):
    """Gives one image and its label per pass; the net takes their size."""

    def setup(self, bottom, top):
        settings = ast.literal_eval(self.param_str)
        self.voc_dir = settings["voc_dir"]
        self.split = settings["split"]
        self.mean = np.array(settings["mean"])
        self.random = settings.get("randomize", True) and "train" in self.split
        if len(top) != 2:
            raise Exception("two tops are needed: data and label")
        if len(bottom) != 0:
            raise Exception("a data layer has no bottom")
        with open(f"{self.voc_dir}/ImageSets/Segmentation/{self.split}.txt") as f:
            self.indices = f.read().split()
        self.idx = 0
        if self.random:
            random.seed(settings.get("seed"))
            self.idx = random.randint(0, len(self.indices) - 1)

    def reshape(self, bottom, top):
        self.data = self.load_image(self.indices[self.idx])
        self.label = self.load_label(self.indices[self.idx])
        top[0].reshape(1, *self.data.shape)
        top[1].reshape(1, *self.label.shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.data
        top[1].data[...] = self.label
        if self.random:
            self.idx = random.randint(0, len(self.indices) - 1)
        else:
            self.idx = (self.idx + 1) % len(self.indices)

    def backward(self, top, propagate_down, bottom):
        pass

    def load_image(self, idx):
        image = Image.open(f"{self.voc_dir}/JPEGImages/{idx}.jpg")
        bgr = np.array(image, dtype=np.float32)[:, :, ::-1]
        bgr = bgr - self.mean
        return bgr.transpose((2, 0, 1))

    def load_label(self, idx):
        image = Image.open(f"{self.voc_dir}/SegmentationClass/{idx}.png")
        return np.array(image, dtype=np.uint8)[np.newaxis, ...]
