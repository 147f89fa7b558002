import caffe

calls = []


class Recording(caffe.Layer):
    """Copies its bottom and records every call."""

    def setup(self, bottom, top):
        calls.append(f"setup {self.param_str} {self.phase}")

    def reshape(self, bottom, top):
        calls.append("reshape")
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        calls.append("forward")
        top[0].data[...] = bottom[0].data

    def backward(self, top, propagate_down, bottom):
        calls.append(f"backward {list(propagate_down)}")
        bottom[0].diff[...] = top[0].diff


class Raising(caffe.Layer):
    def setup(self, bottom, top):
        raise ZeroDivisionError("in setup")
