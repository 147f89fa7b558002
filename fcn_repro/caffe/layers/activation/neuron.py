"""Base class of element-wise layers: one bottom, one top of the same shape."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class NeuronLayer(Layer):
    """y = f(x) for every element. A subclass implements f (`compute`) and f' (`derivative`).

    Source   caffe 9b89154 neuron_layer.cpp
    """

    bottoms = tops = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        return [bottom[0]]

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dy * f'."""
        return [top_diff[0] * self.derivative(bottom[0], top[0])]

    def derivative(self, x: Tensor, y: Tensor) -> Tensor | float:
        """f' from the bottom's and the top's values; in place, both are y."""
        raise self.error("has no backward pass")
