"""SegAccuracy."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class SegAccuracy(Layer):
    """Pixel accuracy, mean class accuracy and mean IU of the best-scored classes.

    Shapes
        bottom[0]   scores (N, C, H, W); bottom[1] labels (N, 1, H, W)
        top[0]      (1, 1, 1, 3): pixel accuracy; class accuracy, its mean over classes that occur; IU, its mean over
                    all classes, where a class without any pixel counts as 1
    Reads    seg_accuracy_param: ignore_label (several), reset (default true); false adds up the counts of all passes
    Note     of equal scores the last class wins, as in the fork. metric is not read, as in the fork
    Source   hszhao/PSPNet 798bdc9 seg_accuracy_layer.cpp and util/confusion_matrix.cpp; DeepLab's forks have the same
    """

    bottoms = exactly(2)
    tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        self._counts = torch.zeros(bottom[0][1:2] * 2, dtype=torch.float64)  # [true class, best-scored class]

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        scores, labels = bottom
        if len(scores) != 4 or labels != (scores[0], 1, *scores[2:]) or scores[1] != len(self._counts):
            raise self.error(
                f"has scores of shape {list(scores)} and labels of shape {list(labels)}; expected "
                f"(N, {len(self._counts)}, H, W) and (N, 1, H, W)"
            )
        return [(1, 1, 1, 3)]

    def compute(self, *bottom: Tensor) -> Tensor:
        scores, labels = bottom
        param, classes = self.param.seg_accuracy_param, scores.shape[1]
        if param.reset:
            self._counts.zero_()
        label = labels[:, 0].long()
        valid = torch.ones_like(label, dtype=torch.bool)
        for ignored in param.ignore_label:
            valid &= label != ignored
        outside = label[valid & ((label < 0) | (label >= classes))]
        if outside.numel():
            raise self.error(f"got the label {int(outside[0])}; expected 0 to {classes - 1}, or one of ignore_label")
        best = classes - 1 - scores.flip(1).argmax(1)
        pairs = torch.bincount(label[valid] * classes + best[valid], minlength=classes**2).view(classes, classes)
        self._counts += pairs.cpu()
        return torch.stack(self._scores()).to(scores).view(1, 1, 1, 3)

    def _scores(self) -> list[Tensor]:
        hits, true, found = self._counts.diag(), self._counts.sum(1), self._counts.sum(0)
        occurs, union = true > 0, true + found - hits
        by_class = (hits / true)[occurs]
        iu = torch.where(hits == union, torch.ones_like(hits), hits / union)
        nothing = torch.zeros((), dtype=torch.float64)
        pixel = hits.sum() / self._counts.sum() if occurs.any() else nothing
        return [pixel, by_class.mean() if occurs.any() else nothing, iu.mean()]
