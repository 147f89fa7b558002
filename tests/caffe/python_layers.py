"""Layers that a user might write, for the tests of type Python."""

from __future__ import annotations

from fcn_repro import caffe


class Times(caffe.Layer):
    """Multiplies by the number in param_str; counts its calls."""

    def setup(self, bottom, top):
        self.factor = float(self.param_str)
        self.calls = ["setup"]

    def reshape(self, bottom, top):
        self.calls.append("reshape")
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        self.calls.append("forward")
        top[0].data[...] = self.factor * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        self.calls.append("backward")
        self.propagate_down = propagate_down
        bottom[0].diff[...] = self.factor * top[0].diff


class Raises(caffe.Layer):
    """Raises in the method that param_str names."""

    def setup(self, bottom, top):
        self._reach("setup")

    def reshape(self, bottom, top):
        self._reach("reshape")
        top[0].reshape(1)

    def forward(self, bottom, top):
        self._reach("forward")

    def backward(self, top, propagate_down, bottom):
        self._reach("backward")

    def _reach(self, method: str) -> None:
        if self.param_str == method:
            raise ZeroDivisionError(f"in {method}")


class Weighted(caffe.Layer):
    """One parameter, whose gradient is 1 in every backward pass."""

    def setup(self, bottom, top):
        self.blobs.add_blob(1, 3)

    def reshape(self, bottom, top):
        top[0].reshape(1)

    def forward(self, bottom, top):
        pass

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += 1


class Phase(caffe.Layer):
    """Tells its phase in a blob without axes."""

    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape()

    def forward(self, bottom, top):
        top[0].data[()] = self.phase


class NamedLikeOurs(caffe.Layer):
    """Uses attribute names that the engine's own layers use too, as the reference's layers do (`tops`)."""

    def setup(self, bottom, top):
        self.tops = self.bottoms = self.param = self.error = ["data", "label"]
        self.blobs.add_blob(2)

    def reshape(self, bottom, top):
        top[0].reshape(1)

    def forward(self, bottom, top):
        top[0].data[...] = len(self.tops)

    def backward(self, top, propagate_down, bottom):
        pass


class SquaredLoss(caffe.Layer):
    """Half the sum of squares; the loss weight arrives through top[0].diff."""

    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape()

    def forward(self, bottom, top):
        top[0].data[...] = (bottom[0].data ** 2).sum() / 2

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = bottom[0].data * top[0].diff


NOT_A_LAYER = 3
