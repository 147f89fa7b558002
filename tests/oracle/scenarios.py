"""What both engines are made to do: each function uses nothing but pycaffe's names, and returns arrays.

The same text runs in this project's engine and, in tests/oracle/child.py, in real Caffe on an old Python. A scenario
runs in an empty folder of its own; `arrays` are given to it, keywords are plain JSON.
"""

from __future__ import annotations

import numpy as np


def net(caffe, arrays, text, phase=0, seed=1, passes=1, backward=True, initialise=False):
    """Build a net, then `passes` times: feed, forward, fill the output diffs, backward.

    arrays        "<pass>/<blob>" are inputs; a blob is reshaped to its array
    initialise    draw the parameters so that activations keep their size from layer to layer
    Returns   "<pass>/loss", "<pass>/data/<blob>", "<pass>/diff/<blob>", "<pass>/param/<layer>/<i>/data" and "/diff"
    """
    caffe.set_random_seed(seed)
    built = caffe.Net(written("net.prototxt", text), phase)
    if initialise:
        draw_parameters(built)
    found = {}
    for index in range(passes):
        feed(built, {name[2:]: values for name, values in arrays.items() if name.startswith(f"{index}/")})
        loss = built._forward(0, len(built.layers) - 1)
        found[f"{index}/loss"] = np.array(loss)
        for name, blob in built.blobs.items():
            found[f"{index}/data/{name}"] = blob.data.copy()
        if backward:
            for order, name in enumerate(built.outputs):
                blob = built.blobs[name]
                if blob.data.size > 1 or not built.blob_loss_weights[name]:
                    blob.diff[...] = np.random.RandomState(order).normal(
                        1, 1, blob.data.shape
                    )  # sums that do not cancel
            built.backward()
            for name, blob in built.blobs.items():
                found[f"{index}/diff/{name}"] = blob.diff.copy()
        for name, blobs in built.params.items():
            for order, blob in enumerate(blobs):
                found[f"{index}/param/{name}/{order}/data"] = blob.data.copy()
                if backward:
                    found[f"{index}/param/{name}/{order}/diff"] = blob.diff.copy()
    return found


def structure(caffe, arrays, text, phase=0, level=0, stages=None):
    """How a net is put together: names in order, wiring, inputs, outputs, shapes."""
    built = caffe.Net(written("net.prototxt", text), phase, level=level, stages=stages or [])
    return {
        "layers": words(built._layer_names),
        "types": words(layer.type for layer in built.layers),
        "blobs": words(built.blobs),
        "shapes": words(list(blob.data.shape) for blob in built.blobs.values()),
        "inputs": words(built.inputs),
        "outputs": words(built.outputs),
        "tops": words(f"{name}: {' '.join(tops)}" for name, tops in built.top_names.items()),
        "bottoms": words(f"{name}: {' '.join(bottoms)}" for name, bottoms in built.bottom_names.items()),
        "params": words(f"{n}: {[list(b.data.shape) for b in blobs]}" for n, blobs in built.params.items()),
        "loss weights": np.array(list(built.blob_loss_weights.values())),
    }


def train(caffe, arrays, net_text, solver_text, steps, restore=None, snapshot=False, initialise=False):
    """Build a solver and take steps, one `step(n)` call for each n of `steps`; from and to a snapshot if asked.

    initialise    draw the parameters as in `net`, those of frozen layers too

    Returns   after each call the parameters' data and their diffs, which hold the update; and the iteration
    """
    written("net.prototxt", net_text)
    solver = caffe.get_solver(written("solver.prototxt", 'net: "net.prototxt" ' + solver_text))
    if initialise:
        draw_parameters(solver.net)
    if restore:
        solver.restore(restore)
    found = {}
    for index, count in enumerate(steps):
        solver.step(count)
        for name, blobs in solver.net.params.items():
            for order, blob in enumerate(blobs):
                found[f"{index}/{name}/{order}/data"] = blob.data.copy()
                found[f"{index}/{name}/{order}/update"] = blob.diff.copy()
    found["iter"] = np.array(solver.iter)
    if snapshot:
        solver.snapshot()
    return found


def save(caffe, arrays, text, path, hdf5=False):
    """Build a net, draw its parameters, save it at `path`; returns the parameters."""
    built = caffe.Net(written("net.prototxt", text), caffe.TRAIN)
    draw_parameters(built)
    if hdf5:
        built.save_hdf5(path)
    else:
        built.save(path)
    return parameters(built)


def load(caffe, arrays, text, path):
    """Build a net and copy weights from `path`; returns the parameters."""
    built = caffe.Net(written("net.prototxt", text), caffe.TRAIN)
    built.copy_from(path)
    return parameters(built)


def pretrained(caffe, arrays, text, weights):
    """Build a net with the weights of a file, feed it, and run it forward in the TEST phase; returns every blob."""
    built = caffe.Net(written("net.prototxt", text), caffe.TEST, weights=weights)
    feed(built, arrays)
    built.forward()
    return {name: blob.data.copy() for name, blob in built.blobs.items()}


def mean_image(caffe, arrays, path, write):
    """Write the array `mean` as a .binaryproto, or read one; returns it."""
    if write:
        with open(path, "wb") as file:
            file.write(caffe.io.array_to_blobproto(arrays["mean"]).SerializeToString())
        return {"mean": arrays["mean"]}
    blob = caffe.proto.caffe_pb2.BlobProto()
    with open(path, "rb") as file:
        blob.ParseFromString(file.read())
    return {"mean": np.float32(caffe.io.blobproto_to_array(blob))}


def parameters(built):
    """A net's parameters by layer and index."""
    return {f"{name}/{i}": blob.data.copy() for name, blobs in built.params.items() for i, blob in enumerate(blobs)}


def written(name, text):
    """Write a text file; returns its name."""
    with open(name, "w") as file:
        file.write(text)
    return name


def feed(built, arrays):
    """Reshape blobs to the arrays of their names, and fill them."""
    for name, values in arrays.items():
        blob = built.params[name][0] if name in built.params else built.blobs[name]  # what a Parameter layer makes
        if tuple(blob.data.shape) != values.shape:
            blob.reshape(*values.shape)
        blob.data[...] = values


def draw_parameters(built):
    """Random parameters: normal, with the deviation that suits a ReLU net."""
    for layer, (_, blobs) in enumerate(built.params.items()):
        for order, blob in enumerate(blobs):
            fan_in = max(blob.data[0].size, 1)
            random = np.random.RandomState(100 * layer + order)
            blob.data[...] = random.normal(0, np.sqrt(2.0 / fan_in) if order == 0 else 0.1, blob.data.shape)


def words(items):
    """Any items as an array of text."""
    return np.array([str(item) for item in items] or [""])


def batches(caffe, arrays, text, phase=0, seed=1, passes=6):
    """A data layer's tops in consecutive forwards, and how far it moved the random stream."""
    caffe.set_random_seed(seed)
    dummy = (
        'layer { name: "u" type: "DummyData" top: "u" '
        'dummy_data_param { shape { dim: 4 } data_filler { type: "uniform" } } }'
    )
    built = caffe.Net(written("net.prototxt", text + dummy), phase)
    found = {}
    for index in range(passes):
        built.forward()
        for name, blob in built.blobs.items():
            found[f"{index}/{name}"] = blob.data.copy()
    return found


def memory(caffe, arrays, text, passes=5):
    """A MemoryData layer's tops after set_input_arrays."""
    built = caffe.Net(written("net.prototxt", text), caffe.TRAIN)
    built.set_input_arrays(arrays["data"], arrays["labels"])
    found = {}
    for index in range(passes):
        built.forward()
        for name, blob in built.blobs.items():
            found[f"{index}/{name}"] = blob.data.copy()
    return found
