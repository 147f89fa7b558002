"""ImageLabelmapData."""

import numpy as np

from fcn_repro.caffe.data_transformer import resize
from fcn_repro.caffe.layers.base import exactly
from fcn_repro.caffe.layers.forks.label_map_data import LabelMapDataLayer, Size


class ImageLabelmapData(LabelMapDataLayer):
    """Images with edge maps of two labels: grey values from 128 are 1, others 0.

    Shapes
        top[0]      data (N, C, H, W), channels B G R, after transform_param
        top[1]      labels (N, 1, H, W)
    Reads    image_data_param: as ImageData, with lines `image label_map`; transform_param
             new_height and new_width resize both, bilinearly; a crop is random in TRAIN
    Differs  in TEST the fork's crop is random too; here it is central, as in Caffe
    Source   s9xie/hed 912632b image_labelmap_data_layer.cpp; RCF's and DeepSkeleton's forks have it too
    """

    tops = exactly(2)

    def read_label(self, text: str, size: Size) -> np.ndarray:
        label = self.read_label_map(text)
        if self._source.new_height:
            label = resize(label[None], self._source.new_height, self._source.new_width)[0]
        return np.rint(label / 255)
