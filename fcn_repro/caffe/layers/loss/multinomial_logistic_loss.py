"""MultinomialLogisticLoss."""

from torch import Tensor

from fcn_repro.caffe.layers.loss.base_loss import LOG_THRESHOLD, LossLayer
from fcn_repro.caffe.synced_memory import Shape


class MultinomialLogisticLoss(LossLayer):
    """Mean over the batch of -log p, with p the probability of the true class.

    Shapes   bottom[0] probabilities (N, classes), more axes count as more classes; bottom[1] N labels; top[0] ()
    Differs  SoftmaxWithLoss takes scores; its gradient stays finite where p is 0
    Source   caffe 9b89154 multinomial_logistic_loss_layer.cpp: probabilities are clamped to at least 1e-20
    """

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """A scalar; there must be one label per item."""
        shapes = super().top_shapes(*bottom)
        if set(bottom[1][1:]) - {1}:
            raise self.error(f"needs one label per item, not labels of shape {list(bottom[1])}")
        return shapes

    def compute(self, *bottom: Tensor) -> Tensor:
        probability = bottom[0].reshape(len(bottom[0]), -1)
        self._index, _ = self.class_indices(bottom[1].reshape(-1, 1), probability.shape[1])
        self._true = probability.gather(1, self._index).clamp(min=LOG_THRESHOLD)
        return -self._true.log().sum() / len(probability)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """-1 / (N p) for the true class, 0 for the others."""
        self.refuse_gradient(wanted, 1, "labels")
        d_probability = bottom[0].new_zeros(len(bottom[0]), bottom[0][0].numel())
        d_probability.scatter_(1, self._index, -top_diff[0] / len(bottom[0]) / self._true)
        return [d_probability.view(bottom[0].shape), None]
