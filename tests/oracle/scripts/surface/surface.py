"""Describe pycaffe's surface. Any engine runs this script; tests/oracle/test_scripts.py compares two engines.

Writes   facts.json by section (equal in both engines) and arrays.npz (close in both) into the working directory
"""

import glob
import json
import os
import shutil

import caffe
import numpy as np
import surface_layers
from caffe import layers as L

BUILTIN = (AttributeError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError, ZeroDivisionError)

RESIZES = {
    "smaller": dict(output_shape=(5, 6)),
    "larger": dict(output_shape=(17, 23)),
    "with channels": dict(output_shape=(5, 20, 3), mode="constant"),
    "other channels": dict(output_shape=(12, 14, 2)),
    "nearest": dict(output_shape=(20, 20), order=0, mode="edge"),
    "cubic": dict(output_shape=(9, 30), order=3, mode="symmetric"),
    "unclipped": dict(output_shape=(9, 30), order=3, mode="wrap", clip=False),
    "sharp": dict(output_shape=(5, 6), anti_aliasing=False),
    "outside": dict(output_shape=(9, 30), mode="constant", cval=5),
    "sigma": dict(output_shape=(5, 6), anti_aliasing=True, anti_aliasing_sigma=(0.5, 0.7, 0)),
}

facts, arrays = {}, {}


def exception_of(call):
    """The nearest built-in class of the exception that a call raises."""
    try:
        call()
    except BUILTIN as error:
        return next(kind.__name__ for kind in type(error).__mro__ if kind in BUILTIN)
    except Exception as error:  # noqa: BLE001 - pycaffe raises plain exceptions
        return "Exception: " + str(error).split(".")[0].split(":")[0]
    return "nothing"


def names():
    found = facts["names"] = {}
    found["module"] = [
        name for name in """
        Net SGDSolver NesterovSolver AdaGradSolver RMSPropSolver AdaDeltaSolver AdamSolver NCCL Timer init_log log
        set_mode_cpu set_mode_gpu set_device Layer get_solver layer_type_list set_random_seed solver_count
        set_solver_count solver_rank set_solver_rank set_multiprocess has_nccl __version__ TRAIN TEST Classifier
        Detector io layers params NetSpec to_proto proto pycaffe net_spec classifier detector""".split()
        if not hasattr(caffe, name)
    ]  # fmt: skip
    found["constants"] = [caffe.TRAIN, caffe.TEST, caffe.__version__]
    found["solvers"] = [caffe.solver_count(), caffe.solver_rank()]
    types = list(caffe.layer_type_list())
    found["types"] = ["Data" in types, "Convolution" in types, "Python" in types, types == sorted(types)]
    found["derived"] = [issubclass(caffe.AdamSolver, caffe.SGDSolver), issubclass(caffe.Classifier, caffe.Net)]


def members(net):
    found = facts["members"] = {}
    found["blobs"] = [[name, list(blob.shape)] for name, blob in net.blobs.items()]
    found["params"] = [[name, [list(blob.shape) for blob in blobs]] for name, blobs in net.params.items()]
    found["layers"] = [[name, layer.type, len(layer.blobs)] for name, layer in net.layer_dict.items()]
    found["names"] = [list(net._layer_names), list(net._blob_names), net.inputs, net.outputs]
    found["ids"] = [[list(net._top_ids(i)), list(net._bottom_ids(i))] for i in range(len(net.layers))]
    found["raw"] = [list(net._inputs), list(net._outputs), list(net._blob_loss_weights)]
    found["wiring"] = [list(net.top_names.items()), list(net.bottom_names.items())]
    found["weights"] = list(net.blob_loss_weights.items())
    bias = net.params["conv"][1]
    found["legacy axes"] = [bias.num, bias.channels, bias.height, bias.width, bias.count]


def running(net):
    found = facts["running"] = {}
    random = np.random.RandomState(0)
    data = random.randn(4, 3, 6, 6)
    out = net.forward(data=data)
    found["forward"] = sorted(out)
    found["forward part"] = sorted(net.forward(["data"], "conv", "pool"))
    seeds = {name: random.randn(*net.blobs[name].data.shape) for name in net.outputs}
    found["backward"] = sorted(net.backward(**seeds))
    found["backward part"] = sorted(net.backward(["score"], "score", "pool"))
    found["accumulated diffs"] = bool(net.params["conv"][0].diff.any())
    net.clear_param_diffs()
    found["cleared diffs"] = not net.params["conv"][0].diff.any()
    net.backward(**seeds)
    for name, blob in net.blobs.items():
        arrays["running/" + name] = blob.data.copy()
        arrays["running/diff/" + name] = blob.diff.copy()
    arrays["running/conv diff"] = net.params["conv"][0].diff.copy()
    arrays["running/broadcast"] = net.forward(data=np.ones((4, 1, 1, 1)))["score"].copy()
    many = random.randn(7, 3, 6, 6)
    batches = net.forward_all(blobs=["pool"], data=many)
    found["forward_all"] = sorted((name, list(array.shape)) for name, array in batches.items())
    arrays["running/forward_all"] = batches["score"]
    outs, diffs = net.forward_backward_all(
        diffs=["conv"], data=many, score=random.randn(7, 4), Also=random.randn(7, 2))  # fmt: skip
    found["forward_backward_all"] = [sorted(outs), sorted(diffs)]
    arrays["running/forward_backward_all"] = diffs["data"]
    loss = net._forward(0, len(net.layers) - 1)
    found["raw passes"] = [type(loss).__name__, loss, net._backward(len(net.layers) - 1, 0)]


def refusals(net):
    blob, zeros = net.blobs["data"], np.zeros((4, 3, 6, 6))
    facts["refusals"] = {
        "Net()": exception_of(lambda: caffe.Net()),
        "Net without phase": exception_of(lambda: caffe.Net("net.prototxt")),
        "Net of weights": exception_of(lambda: caffe.Net("net.prototxt", "net.caffemodel")),
        "Net of weights and stages": exception_of(lambda: caffe.Net("net.prototxt", "net.caffemodel", 1, ["a"])),
        "Net of weights and a named phase": exception_of(lambda: caffe.Net("net.prototxt", "w", phase=1)),
        "Net of too many arguments": exception_of(lambda: caffe.Net("net.prototxt", 1, 0, [], None, 1)),
        "Net with another name": exception_of(lambda: caffe.Net("net.prototxt", 1, foo=1)),
        "Net of a missing file": exception_of(lambda: caffe.Net("missing", 1)),
        "Net with a missing weights file": exception_of(lambda: caffe.Net("net.prototxt", 1, weights="missing")),
        "stages of numbers": exception_of(lambda: caffe.Net("net.prototxt", 1, stages=[1])),
        "data assigned": exception_of(lambda: setattr(blob, "data", 1)),
        "num assigned": exception_of(lambda: setattr(blob, "num", 1)),
        "reshape by name": exception_of(lambda: blob.reshape(num=1)),
        "reshape of a float": exception_of(lambda: blob.reshape(1.0, 2)),
        "reshape of a tuple": exception_of(lambda: blob.reshape((1, 2))),
        "add_blob by name": exception_of(lambda: net.params["conv"].add_blob(num=1)),
        "a third param": exception_of(lambda: net.params["conv"][2]),
        "an unknown blob": exception_of(lambda: net.forward(blobs=["foo"])),
        "an unknown start": exception_of(lambda: net.forward(start="foo")),
        "an unknown end": exception_of(lambda: net.backward(end="foo")),
        "another input": exception_of(lambda: net.forward(image=zeros)),
        "another batch": exception_of(lambda: net.forward(data=zeros[:2])),
        "another size": exception_of(lambda: net.forward(data=np.zeros((4, 3, 6, 5)))),
        "another output": exception_of(lambda: net.backward(score=np.zeros((4, 4)))),
        "another diff batch": exception_of(lambda: net.backward(score=np.zeros((2, 4)), Also=np.zeros((2, 2)))),
        "arrays without MemoryData": exception_of(
            lambda: net.set_input_arrays(np.float32(zeros), np.zeros(4, np.float32))
        ),
        "step without a number": exception_of(lambda: caffe.SGDSolver("solver.prototxt").step()),
        "one callback": exception_of(lambda: caffe.SGDSolver("solver.prototxt").add_callback(len)),
        "lr assigned": exception_of(lambda: setattr(caffe.SGDSolver("solver.prototxt"), "lr", 1)),
        "a layer that raises": exception_of(lambda: caffe.Net("raising.prototxt", 1)),
        "a bottom that is not a top": exception_of(lambda: L.ReLU(3)),
        "an unknown parameter": exception_of(lambda: L.ReLU(foo=3).to_proto()),
    }  # fmt: skip


def sharing(net):
    found = facts["sharing"] = {}
    other = caffe.Net("net.prototxt", caffe.TEST)
    other.share_with(net)
    net.params["conv"][0].data[0] = 9
    net.params["conv"][0].diff[0] = 8
    found["data"] = bool((other.params["conv"][0].data[0] == 9).all())
    found["diff"] = bool((other.params["conv"][0].diff[0] == 8).any())
    net.blobs["data"].data[...] = 1
    view, unused = net.blobs["score"].data, net.blobs["score"].data
    del unused
    net.forward()
    first = view.copy()
    net.blobs["data"].data[...] = 2
    net.forward()
    found["views follow"] = bool((view == net.blobs["score"].data).all() and (view != first).any())
    net.blobs["data"].reshape(2, 3, 6, 6)
    found["lazy"] = list(net.blobs["conv"].shape)
    net.reshape()
    found["reshaped"] = list(net.blobs["conv"].shape)


def weights(net):
    found = facts["weights"] = {}
    net.save("net.caffemodel")
    net.save_hdf5("net.h5")
    for name, other in (
        ("weights=", lambda: caffe.Net("net.prototxt", caffe.TEST, weights="net.caffemodel")),
        ("old form", lambda: caffe.Net("net.prototxt", "net.caffemodel", caffe.TEST)),
        ("hdf5", lambda: caffe.Net("net.prototxt", caffe.TEST, weights="net.h5")),
    ):
        loaded = other()
        found[name] = bool((loaded.params["conv"][0].data == net.params["conv"][0].data).all())
    saved = caffe.proto.caffe_pb2.NetParameter()
    with open("net.caffemodel", "rb") as f:
        saved.ParseFromString(f.read())
    found["saved"] = [[layer.name, layer.type, layer.phase, len(layer.blobs)] for layer in saved.layer]


def python_layers():
    net = caffe.Net("python.prototxt", caffe.TEST)
    net.forward()
    net.reshape()
    net.backward()
    facts["python"] = [surface_layers.calls, type(net.layers[1]).__name__, net.layers[1].type]


def callbacks(net):
    events = []
    net.before_forward(lambda i: events.append(f"before {i}"))
    net.after_forward(lambda i: events.append(f"after {i}"))
    net.before_backward(lambda i: events.append(f"before back {i}"))
    net.after_backward(lambda i: events.append(f"after back {i}"))
    net.forward(end="relu")
    net.backward(start="relu")
    facts["callbacks"] = events


def memory_data():
    net = caffe.Net("memory.prototxt", caffe.TEST)
    data = np.arange(12, dtype=np.float32).reshape(4, 1, 1, 3)
    shapes = [list(net.blobs["label"].shape)]
    net.set_input_arrays(data, np.float32([0, 1, 2, 3]))
    labels = [net.forward()["label"].ravel().tolist() for _ in range(3)]
    facts["memory"] = [
        shapes, labels, list(net.blobs["label"].shape),
        exception_of(lambda: net.set_input_arrays(data[:3], np.zeros(3, np.float32))),
        exception_of(lambda: net.set_input_arrays(data.astype(float), np.zeros(4, np.float32))),
        exception_of(lambda: net.set_input_arrays(data[..., :2], np.zeros(4, np.float32))),
    ]  # fmt: skip


def training():
    found = facts["training"] = {}
    solver = caffe.get_solver("solver.prototxt")
    events = []
    solver.add_callback(lambda: events.append(f"start {solver.iter}"), lambda: events.append(f"ready {solver.iter}"))
    rates = []
    for _ in range(3):
        solver.step(1)
        rates.append(round(solver.lr, 6))
    solver.param.base_lr = 0.5
    rates.append(round(solver.lr, 6))
    solver.snapshot()
    solver.step(0)
    solver.step(-2)
    found["type"] = type(solver).__name__
    found["param"] = [solver.param.max_iter, solver.param.display, solver.param.layer_wise_reduce]
    found["rates"], found["events"], found["iter"], found["tests"] = rates, events, solver.iter, len(solver.test_nets)
    other = caffe.get_solver("solver.prototxt")
    other.restore("snap_iter_3.solverstate")
    found["restored"] = other.iter
    other.solve()
    found["solved"] = other.iter
    arrays["training/ip"] = other.net.params["ip"][0].data.copy()
    arrays["training/update"] = other.net.params["ip"][0].diff.copy()
    other.net.forward()
    other.net.backward()
    other.apply_update()
    found["updated"] = other.iter
    caffe.set_solver_rank(1)
    arrays["training/rank 1"] = caffe.get_solver("solver.prototxt").net.params["ip"][0].data.copy()
    caffe.set_solver_rank(0)


def io():
    random = np.random.RandomState(1)
    found = facts["io"] = {}
    for size in ((5, 5), (12, 9), (17, 23), (10, 30)):
        for channels in (1, 3, 4):
            image = random.rand(12, 14, channels) * 100
            arrays[f"io/resize {size} {channels}"] = caffe.io.resize_image(image, size)
    arrays["io/nearest"] = caffe.io.resize_image(random.rand(12, 14, 3), (5, 20), interp_order=0)
    arrays["io/cubic"] = caffe.io.resize_image(random.rand(12, 14, 3), (20, 20), interp_order=3)
    image = random.rand(12, 14, 3)
    for name, options in RESIZES.items():
        arrays[f"io/resize {name}"] = caffe.io.resize(image - 0.3, **options)
    arrays["io/resize bytes"] = caffe.io.resize(np.uint8(image * 255), (7, 9))
    arrays["io/resize numbers"] = caffe.io.resize(np.uint8(image * 255), (7, 9), preserve_range=True)
    arrays["io/resize plane"] = caffe.io.resize(image[:, :, 0].astype(np.float32), (20, 9))
    arrays["io/zoom"] = caffe.io.zoom(image, (1.5, 0.5, 1), order=1)
    images = random.rand(2, 9, 12, 3).astype(np.float32)
    arrays["io/oversample"] = caffe.io.oversample(images, (4, 5))
    transformer = caffe.io.Transformer({"data": (1, 3, 4, 5)})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_channel_swap("data", (2, 1, 0))
    transformer.set_raw_scale("data", 255)
    transformer.set_mean("data", np.array([104.0, 117.0, 123.0]))
    transformer.set_input_scale("data", 0.5)
    arrays["io/preprocess"] = transformer.preprocess("data", images[0])
    arrays["io/deprocess"] = transformer.deprocess("data", arrays["io/preprocess"])
    transformer.set_mean("data", random.rand(3, 7, 9))
    arrays["io/mean"] = transformer.mean["data"]
    found["refusals"] = [
        exception_of(lambda: transformer.preprocess("foo", images[0])).split(" is")[0],
        exception_of(lambda: transformer.set_mean("data", np.ones(4))),
        exception_of(lambda: transformer.set_mean("data", np.ones((1, 3, 4, 5)))),
        exception_of(lambda: caffe.io.array_to_datum(np.ones((2, 2)))),
    ]
    blob = caffe.io.array_to_blobproto(images, diff=-images)
    arrays["io/blob"] = caffe.io.blobproto_to_array(blob)
    arrays["io/blob diff"] = caffe.io.blobproto_to_array(blob, return_diff=True)
    found["blob"] = list(blob.shape.dim)
    datum = caffe.io.array_to_datum(images[0], label=3)
    found["datum"] = [datum.channels, datum.height, datum.width, datum.label, bool(datum.data)]
    arrays["io/datum"] = caffe.io.datum_to_array(datum)


def classifying():
    path = "image.prototxt"
    caffe.Net(path, caffe.TEST).save("image.caffemodel")
    random = np.random.RandomState(2)
    images = [random.rand(11, 9, 3).astype(np.float32) for _ in range(3)]
    options = dict(mean=np.float32([10, 20, 30]), raw_scale=255, channel_swap=(2, 1, 0), input_scale=0.1)
    classifier = caffe.Classifier(path, "image.caffemodel", image_dims=(9, 9), **options)
    arrays["classifier/ten"] = classifier.predict(images)
    arrays["classifier/one"] = classifier.predict(images, oversample=False)
    arrays["classifier/whole"] = caffe.Classifier(path, "image.caffemodel", **options).predict(images)
    detector = caffe.Detector(path, "image.caffemodel", **options)
    arrays["detector/crop"] = detector.crop(images[0], np.array([2, 1, 7, 8]))
    facts["detector"] = [int(n) for n in detector.crop_dims]
    detector.configure_crop(1)
    clip = np.clip
    # Caffe's crop slices with floats, which current numpy refuses.
    np.clip = lambda *args, **options: clip(*args, **options) if options else clip(*args).astype(int)
    for window in ([2, 1, 7, 8], [0, 0, 5, 9], [6, 4, 11, 9], [3, 3, 5, 5]):
        arrays[f"detector/context {window}"] = detector.crop(images[0], np.array(window))
    np.clip = clip


def main():
    caffe.set_mode_cpu()
    caffe.set_random_seed(5)
    for path in glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "*.prototxt")):
        shutil.copy(path, ".")
    net = caffe.Net("net.prototxt", caffe.TEST)
    names()
    members(net)
    running(net)
    refusals(net)
    callbacks(net)
    weights(net)
    sharing(net)
    python_layers()
    memory_data()
    training()
    io()
    classifying()
    with open("facts.json", "w") as f:
        json.dump(facts, f, indent=1)
    np.savez("arrays.npz", **{name.replace("/", " "): array for name, array in arrays.items()})


if __name__ == "__main__":
    main()
