"""Power."""

from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer


class Power(NeuronLayer):
    """(shift + scale * x) ^ power.

    Shapes   bottom[0] any; top[0] the same; in place Caffe's gradient is wrong; this one is taken at y
    Reads    power_param: power, scale, shift
    Source   caffe 9b89154 power_layer.cpp: a constant if power * scale = 0. The derivative divides by shift + scale * x
             unless power is 1 or 2, so it is NaN where that is 0.
    """

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,), param = bottom, self.param.power_param
        if param.power * param.scale == 0:
            return x.new_tensor(param.shift).pow(param.power).expand(x.shape).contiguous()
        base = self._base(x)
        return base if param.power == 1 else base.pow(param.power)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor | float:
        """power * scale * y / (shift + scale * x)."""
        param = self.param.power_param
        slope = param.power * param.scale
        if slope == 0 or param.power == 1:
            return slope
        if param.power == 2:
            return slope * self._base(x)
        return slope * y / self._base(x)

    def _base(self, x: Tensor) -> Tensor:
        return x * self.param.power_param.scale + self.param.power_param.shift
