"""The programs that both engines run. Each function uses pycaffe's names only, and returns arrays.

The same text runs in this project's engine and, through child.py, in real Caffe on an old Python. A scenario runs in
an empty folder. `arrays` are its inputs; its keywords are plain JSON.
"""

from __future__ import annotations

import zlib

import numpy as np


def net(caffe, arrays, text, phase=0, seed=1, passes=1, backward=True, initialise=False, weights=None):
    """Build a net. Then, `passes` times: set the inputs, run forward, fill the output diffs, run backward.

    arrays        "<pass>/<blob>" are inputs; a blob is reshaped to its array
    initialise    draw parameters that keep the scale of activations from layer to layer
    weights       a weights file
    Returns   "<pass>/loss", "<pass>/data/<blob>", "<pass>/diff/<blob>", "<pass>/param/<layer>/<i>/data" and "/diff"
    """
    caffe.set_random_seed(seed)
    built = caffe.Net(write("net.prototxt", text), phase, weights=weights)
    if initialise:
        draw_parameters(built)
    found = {}
    for index in range(passes):
        for name, values in arrays.items():
            if name.startswith(f"{index}/"):
                set_input(built, name[2:], values)
        found[f"{index}/loss"] = np.array(built._forward(0, len(built.layers) - 1))
        for name, blob in built.blobs.items():
            found[f"{index}/data/{name}"] = blob.data.copy()
        if backward:
            for order, name in enumerate(built.outputs):
                blob = built.blobs[name]
                if blob.data.size > 1 or not built.blob_loss_weights[name]:
                    # mean 1: sums of these do not cancel
                    blob.diff[...] = np.random.RandomState(order).normal(1, 1, blob.data.shape)
            built.backward()
            for name, blob in built.blobs.items():
                found[f"{index}/diff/{name}"] = blob.diff.copy()
        found.update(parameters(built, f"{index}/param/{{}}/data"))
        if backward:
            found.update(parameters(built, f"{index}/param/{{}}/diff", "diff"))
    return found


def structure(caffe, arrays, text, phase=0, level=0, stages=None):
    """The structure of a net: names in order, connections, inputs, outputs, shapes."""
    built = caffe.Net(write("net.prototxt", text), phase, level=level, stages=stages or [])
    return {
        "layers": to_text(built._layer_names),
        "types": to_text(layer.type for layer in built.layers),
        "blobs": to_text(built.blobs),
        "shapes": to_text(list(blob.data.shape) for blob in built.blobs.values()),
        "inputs": to_text(built.inputs),
        "outputs": to_text(built.outputs),
        "tops": to_text(f"{name}: {' '.join(tops)}" for name, tops in built.top_names.items()),
        "bottoms": to_text(f"{name}: {' '.join(bottoms)}" for name, bottoms in built.bottom_names.items()),
        "params": to_text(f"{n}: {[list(b.data.shape) for b in blobs]}" for n, blobs in built.params.items()),
        "loss weights": np.array(list(built.blob_loss_weights.values())),
    }


def train(caffe, arrays, net_text, solver_text, steps, restore=None, snapshot=False, initialise=False):
    """Build a solver and call `step(n)` for each n of `steps`, from a snapshot and to one if asked.

    initialise    draw the parameters as in `net`, those of frozen layers too

    Returns   after each call the parameters' data and diffs (the update); and the iteration
    """
    write("net.prototxt", net_text)
    solver = caffe.get_solver(write("solver.prototxt", 'net: "net.prototxt" ' + solver_text))
    if initialise:
        draw_parameters(solver.net)
    if restore:
        solver.restore(restore)
    found = {}
    for index, count in enumerate(steps):
        solver.step(count)
        found.update(parameters(solver.net, f"{index}/{{}}/data"))
        found.update(parameters(solver.net, f"{index}/{{}}/update", "diff"))
    found["iter"] = np.array(solver.iter)
    if snapshot:
        solver.snapshot()
    return found


def save(caffe, arrays, text, path, hdf5=False):
    """Build a net, draw its parameters and save them at `path`; returns the parameters."""
    built = caffe.Net(write("net.prototxt", text), caffe.TRAIN)
    draw_parameters(built)
    (built.save_hdf5 if hdf5 else built.save)(path)
    return parameters(built)


def load(caffe, arrays, text, path):
    """Build a net and copy weights from `path`; returns the parameters."""
    built = caffe.Net(write("net.prototxt", text), caffe.TRAIN)
    built.copy_from(path)
    return parameters(built)


def mean_image(caffe, arrays, path, save):
    """Write the array `mean` as a .binaryproto, or read one; returns it."""
    if save:
        with open(path, "wb") as file:
            file.write(caffe.io.array_to_blobproto(arrays["mean"]).SerializeToString())
        return {"mean": arrays["mean"]}
    blob = caffe.proto.caffe_pb2.BlobProto()
    with open(path, "rb") as file:
        blob.ParseFromString(file.read())
    return {"mean": np.float32(caffe.io.blobproto_to_array(blob))}


def batches(caffe, arrays, text, phase=0, seed=1, passes=6):
    """The tops of a data layer in consecutive passes, and its use of random numbers, which a DummyData layer shows.

    arrays        for MemoryData: `data` and `labels`
    """
    caffe.set_random_seed(seed)
    dummy = (
        'layer { name: "u" type: "DummyData" top: "u" '
        'dummy_data_param { shape { dim: 4 } data_filler { type: "uniform" } } }'
    )
    built = caffe.Net(write("net.prototxt", text + dummy), phase)
    if arrays:
        built.set_input_arrays(arrays["data"], arrays["labels"])
    found = {}
    for index in range(passes):
        built.forward()
        for name, blob in built.blobs.items():
            found[f"{index}/{name}"] = blob.data.copy()
    return found


def parameters(built, key="{}", array="data"):
    """The data (or diff) of a net's parameters, by layer and index put into `key`."""
    return {
        key.format(f"{name}/{i}"): getattr(blob, array).copy()
        for name, blobs in built.params.items()
        for i, blob in enumerate(blobs)
    }


def write(name, text):
    """Write a text file; returns its name."""
    with open(name, "w") as file:
        file.write(text)
    return name


def set_input(built, name, values):
    """Reshape the blob of a name, or the blob of a Parameter layer, to an array and fill it."""
    blob = built.params[name][0] if name in built.params else built.blobs[name]
    if tuple(blob.data.shape) != values.shape:
        blob.reshape(*values.shape)
    blob.data[...] = values


def draw_parameters(built):
    """Fill the parameters from a normal distribution with the deviation that suits ReLU nets."""
    for layer, (_, blobs) in enumerate(built.params.items()):
        for order, blob in enumerate(blobs):
            fan_in = max(blob.data[0].size, 1)
            random = np.random.RandomState(100 * layer + order)
            blob.data[...] = random.normal(0, np.sqrt(2.0 / fan_in) if order == 0 else 0.1, blob.data.shape)


def to_text(items):
    """Any items as an array of text."""
    return np.array([str(item) for item in items] or [""])


def gaussian_sums(caffe, arrays, seed, passes, count):
    """Checksums of the numbers that a gaussian filler draws: one for each pass of `count` numbers."""
    caffe.set_random_seed(seed)
    filler = 'data_filler { type: "gaussian" }'
    text = f'layer {{ name: "d" type: "DummyData" top: "x" dummy_data_param {{ shape {{ dim: {count} }} {filler} }} }}'
    built = caffe.Net(write("net.prototxt", text), 0)
    sums = []
    for _ in range(passes):
        built.forward()
        sums.append(zlib.crc32(built.blobs["x"].data))
    return {"sums": np.array(sums)}


def fields(caffe, arrays, messages):
    """The names of the fields of messages, by message; without those that this Caffe lacks."""
    known = caffe.proto.caffe_pb2.DESCRIPTOR.message_types_by_name
    return {name: to_text(field.name for field in known[name].fields) for name in messages if name in known}
