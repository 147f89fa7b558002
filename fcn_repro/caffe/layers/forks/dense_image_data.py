"""DenseImageData."""

import numpy as np

from fcn_repro.caffe.layers.base import exactly
from fcn_repro.caffe.layers.forks.label_map_data import LabelMapDataLayer, Pair, Size


class DenseImageData(LabelMapDataLayer):
    """Images with label maps of their size.

    Shapes
        top[0]      data (N, C, H, W), channels B G R, after transform_param
        top[1]      labels (N, 1, H, W), or ENet's (N, 1, H / label_divide_factor, W / label_divide_factor)
    Reads    dense_image_data_param: source (lines `image label_map`), batch_size, shuffle, rand_skip, new_height and
             new_width (labels take the nearest), is_color, root_folder, mirror, crop_height and crop_width (random in
             both phases), label_divide_factor; transform_param without mirror and crop_size
    Order    of the random draws: mirror, top, left
    Source   alexgkendall/caffe-segnet 344c113 and TimoSaemann/caffe-enet 22d356c, dense_image_data_layer.cpp
    """

    tops = exactly(2)

    def source(self):
        """dense_image_data_param, checked.

        Raises   CaffeError for what the forks refuse
        """
        param = self.param.dense_image_data_param
        if self.param.transform_param.mirror or self.param.transform_param.crop_size:
            raise self.error(
                "got mirror or crop_size in transform_param; expected them in dense_image_data_param, as mirror, "
                "crop_height and crop_width"
            )
        if bool(param.crop_height) != bool(param.crop_width):
            raise self.error("got one of crop_height and crop_width; expected both or neither")
        if param.label_divide_factor < 1 or (param.label_divide_factor > 1 and param.crop_height):
            raise self.error(f"got label_divide_factor {param.label_divide_factor}; expected 1 or more, and no crop")
        return param

    def label_size(self, height: int, width: int) -> Size:
        factor = self._source.label_divide_factor
        return height // factor, width // factor

    def read_label(self, text: str, size: Size) -> np.ndarray:
        label = self.read_label_map(text)
        return take_nearest(label, *self.label_size(*size)) if self._source.new_height else label

    def top_size(self, height: int, width: int) -> Size:
        crop = self._source.crop_height, self._source.crop_width
        if crop[0] > height or crop[1] > width:
            raise self.error(f"crops {list(crop)} pixels from an image of {[height, width]}")
        return crop if crop[0] else (height, width)

    def transform(self, image: np.ndarray, label: np.ndarray) -> Pair:
        mirror = bool(self._source.mirror and self.generator.draw() % 2)
        if mirror:
            image, label = image[:, :, ::-1], label[:, ::-1]
        if self._source.crop_height:
            sizes = self.top_size(*label.shape)
            top, left = (self.generator.draw() % (n - s + 1) for n, s in zip(label.shape, sizes, strict=True))
            image = image[:, top : top + sizes[0], left : left + sizes[1]]
            label = label[top : top + sizes[0], left : left + sizes[1]]
        return self._transformer(image), label.astype(np.float32)


def take_nearest(label: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a label map (H, W) by OpenCV's nearest neighbour: cell i takes floor(i * old / new)."""
    rows, columns = (
        (np.arange(n) * (old / n)).astype(int) for n, old in zip((height, width), label.shape, strict=True)
    )
    return label[rows][:, columns]
