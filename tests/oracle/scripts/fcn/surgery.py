# ruff: noqa: T201 - scripts print
import numpy as np


def transplant(new_net, net, suffix=""):
    """Copy weights by name and in flat order, so that inner products become convolutions."""
    for name in net.params:
        new_name = name + suffix
        if new_name not in new_net.params:
            print("dropping", name)
            continue
        for i in range(len(net.params[name])):
            if i > len(new_net.params[new_name]) - 1:
                print("dropping", name, i)
                break
            old, new = net.params[name][i], new_net.params[new_name][i]
            if old.data.shape != new.data.shape:
                print("coercing", name, i, "from", old.data.shape, "to", new.data.shape)
            new.data.flat = old.data.flat


def upsample_filt(size):
    factor = (size + 1) // 2
    center = factor - 1 if size % 2 == 1 else factor - 0.5
    triangle = 1 - np.abs(np.arange(size) - center) / factor
    return triangle[:, np.newaxis] * triangle


def interp(net, layers):
    """Bilinear kernels on the diagonal of deconvolutions."""
    for name in layers:
        m, k, h, w = net.params[name][0].data.shape
        assert m == k or k == 1, "input and output channels differ"
        assert h == w, "the kernel is not square"
        net.params[name][0].data[range(m), range(k), :, :] = upsample_filt(h)
