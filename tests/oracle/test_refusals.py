import pytest

from fcn_repro.caffe import CaffeError
from tests.oracle.oracle import Case, Oracle, Refused, run_ours
from tests.oracle.prototxts import DATA
from tests.oracle.test_solvers import trajectory


def layer(type_: str, shapes: str, param: str = "", tops: str = "t", more: str = "") -> str:
    """A layer on Inputs; shapes like `2x3 4`."""
    dims = [" ".join(f"dim: {dim}" for dim in shape.split("x")) for shape in shapes.split()]
    inputs = "".join(
        f'layer {{ name: "b{i}" type: "Input" top: "b{i}" input_param {{ shape {{ {text} }} }} }}\n'
        for i, text in enumerate(dims)
    )
    wiring = " ".join([f'bottom: "b{i}"' for i in range(len(dims))] + [f'top: "{top}"' for top in tops.split()])
    return f'{inputs}layer {{ name: "layer" type: "{type_}" {wiring} {param} {more} }}'


NETS = {
    "an unknown type": layer("Interp", "2x3"),
    "an unknown bottom": 'layer { name: "a" type: "ReLU" bottom: "x" top: "x" }',
    "a blob overwritten behind its reader": layer("Power", "2x3")
    + 'layer { name: "late" type: "ReLU" bottom: "b0" top: "b0" }',
    "two layers making a top": layer("ReLU", "2x3") + 'layer { name: "z" type: "TanH" bottom: "b0" top: "t" }',
    "an unknown field": layer("ReLU", "2x3", "relu_param { leak: 1 }"),
    "include and exclude": layer("ReLU", "2x3", more="include { phase: TRAIN } exclude { phase: TEST }"),
    "more params than blobs": layer("ReLU", "2x3", more="param { lr_mult: 1 }"),
    "more loss weights than tops": layer("ReLU", "2x3", more="loss_weight: 1 loss_weight: 1"),
    "propagate_down for other bottoms": layer("ReLU", "2x3", more="propagate_down: true propagate_down: false"),
    "too many bottoms": layer("ReLU", "2x3 2x3"),
    "too few bottoms": layer("Eltwise", "2x3"),
    "too many tops": layer("ReLU", "2x3", tops="t u"),
    "layers in two formats": layer("ReLU", "2x3") + 'layers { name: "v1" type: RELU bottom: "t" top: "t" }',
    "shared params of other shapes": DATA
    + "".join(
        f'layer {{ name: "{n}" type: "InnerProduct" bottom: "x" top: "{n}" param {{ name: "w" }} '
        f"inner_product_param {{ num_output: {n} }} }}"
        for n in (2, 3)
    ),
    "shared params of other rates": DATA
    + "".join(
        f'layer {{ name: "{n}" type: "InnerProduct" bottom: "x" top: "{n}" param {{ name: "w" lr_mult: {n} }} '
        "inner_product_param { num_output: 2 } }"
        for n in (2, 3)
    ),
    "AbsVal in place": layer("AbsVal", "2x3", tops="b0"),
    "Flatten in place": layer("Flatten", "2x3", tops="b0"),
    "Reshape in place": layer("Reshape", "2x3", tops="b0"),
    "Accuracy, too large a top_k": layer("Accuracy", "2x3 2", "accuracy_param { top_k: 4 }"),
    "Accuracy, other label count": layer("Accuracy", "2x3 3"),
    "ArgMax, too large a top_k": layer("ArgMax", "2x3", "argmax_param { top_k: 4 }"),
    "BatchNorm that learns": layer("BatchNorm", "2x3", more="param { lr_mult: 1 }"),
    "BatchNorm, one axis": layer("BatchNorm", "3"),
    "BatchReindex, indices of two axes": layer("BatchReindex", "2x3 2x1"),
    "Bias that does not fit": layer("Bias", "2x3 2"),
    "Concat, other dims": layer("Concat", "2x3x4 2x3x5"),
    "Concat, two axes": layer("Concat", "2x3 2x3", "concat_param { axis: 1 concat_dim: 1 }"),
    "Concat, no such axis": layer("Concat", "2x3", "concat_param { axis: 2 }"),
    "ContrastiveLoss, other sizes": layer("ContrastiveLoss", "2x3 2x4 2"),
    "Convolution, no kernel": layer("Convolution", "1x3x5x5", "convolution_param { num_output: 1 }"),
    "Convolution, no outputs": layer("Convolution", "1x3x5x5", "convolution_param { kernel_size: 1 }"),
    "Convolution, kernel_h alone": layer("Convolution", "1x3x5x5", "convolution_param { num_output: 1 kernel_h: 3 }"),
    "Convolution, both kernel forms": layer(
        "Convolution", "1x3x5x5", "convolution_param { num_output: 1 kernel_size: 3 kernel_h: 3 kernel_w: 3 }"
    ),
    "Convolution, kernel_h in 3-D": layer(
        "Convolution", "1x3x5x5x5", "convolution_param { num_output: 1 kernel_h: 3 kernel_w: 3 }"
    ),
    "Convolution, three kernel sizes": layer(
        "Convolution", "1x3x5x5", "convolution_param { num_output: 1 kernel_size: 3 kernel_size: 3 kernel_size: 3 }"
    ),
    "Convolution, group": layer(
        "Convolution", "1x3x5x5", "convolution_param { num_output: 2 group: 2 kernel_size: 1 }"
    ),
    "Convolution, kernel beyond the bottom": layer(
        "Convolution", "1x3x5x5", "convolution_param { num_output: 2 kernel_size: 7 }"
    ),
    "Convolution, unlike bottoms": layer(
        "Convolution", "1x3x5x5 1x3x5x6", "convolution_param { num_output: 2 kernel_size: 1 }", "t u"
    ),
    "Convolution, unknown filler": layer(
        "Convolution", "1x3x5x5", 'convolution_param { num_output: 2 kernel_size: 1 weight_filler { type: "he" } }'
    ),
    "Crop beyond the bottom": layer("Crop", "1x3x5x5 1x3x4x4", "crop_param { offset: 2 }"),
    "Crop, three offsets for two axes": layer(
        "Crop", "1x3x5x5 1x3x4x4", "crop_param { offset: 1 offset: 1 offset: 1 }"
    ),
    "Crop, other axes": layer("Crop", "1x3x5x5 3x4x4"),
    "Deconvolution, bilinear on an oblong": layer(
        "Deconvolution",
        "1x3x5x5",
        'convolution_param { num_output: 3 kernel_h: 2 kernel_w: 4 weight_filler { type: "bilinear" } }',
    ),
    "DummyData, two fillers for three tops": 'layer { name: "d" type: "DummyData" top: "a" top: "b" top: "c" '
    "dummy_data_param { shape { dim: 1 } data_filler { } data_filler { } } }",
    "Eltwise, other shapes": layer("Eltwise", "2x3 3x2"),
    "Eltwise, a product with coefficients": layer(
        "Eltwise", "2x3 2x3", "eltwise_param { operation: PROD coeff: 1 coeff: 2 }"
    ),
    "Eltwise, too few coefficients": layer("Eltwise", "2x3 2x3", "eltwise_param { coeff: 1 }"),
    "EuclideanLoss, other sizes": layer("EuclideanLoss", "2x3 2x4"),
    "Exp, base zero": layer("Exp", "2x3", "exp_param { base: 0 }"),
    "Filter, unlike batches": layer("Filter", "3x2 4"),
    "InfogainLoss without weights": layer("InfogainLoss", "2x3 2"),
    "InfogainLoss, normalize": layer("InfogainLoss", "2x3 2 3x3", "loss_param { normalize: true }"),
    "InnerProduct, no such axis": layer("InnerProduct", "2x3", "inner_product_param { num_output: 1 axis: 3 }"),
    "Input, two shapes for three tops": 'layer { name: "i" type: "Input" top: "a" top: "b" top: "c" '
    "input_param { shape { dim: 1 } shape { dim: 1 } } }",
    "LRN, an even window": layer("LRN", "1x3x5x5", "lrn_param { local_size: 4 }"),
    "LRN, three axes": layer("LRN", "1x3x5"),
    "MemoryData, no height": 'layer { name: "m" type: "MemoryData" top: "a" top: "b" '
    "memory_data_param { batch_size: 1 channels: 1 width: 1 } }",
    "MultinomialLogisticLoss, deep labels": layer("MultinomialLogisticLoss", "2x3 2x2"),
    "Pooling, three axes": layer("Pooling", "1x3x5", "pooling_param { kernel_size: 2 }"),
    "Pooling, no kernel": layer("Pooling", "1x3x5x5"),
    "Pooling, kernel_h alone": layer("Pooling", "1x3x5x5", "pooling_param { kernel_h: 2 }"),
    "Pooling, pad as large as the kernel": layer("Pooling", "1x3x5x5", "pooling_param { kernel_size: 2 pad: 2 }"),
    "Pooling, global with a kernel": layer(
        "Pooling", "1x3x5x5", "pooling_param { kernel_size: 2 global_pooling: true }"
    ),
    "PReLU, one axis": layer("PReLU", "3"),
    "Reduction, no such axis": layer("Reduction", "2x3", "reduction_param { axis: 2 }"),
    "Reshape, two inferred dims": layer("Reshape", "2x3", "reshape_param { shape { dim: -1 dim: -1 } }"),
    "Reshape, another count": layer("Reshape", "2x3", "reshape_param { shape { dim: 7 } }"),
    "Reshape, nothing to infer": layer("Reshape", "2x3", "reshape_param { shape { dim: 4 dim: -1 } }"),
    "Scale that does not fit": layer("Scale", "2x3 2"),
    "Scale, too many axes": layer("Scale", "2x3", "scale_param { num_axes: 2 }"),
    "Slice, unequal parts": layer("Slice", "2x3", tops="t u"),
    "Slice, points that fall": layer("Slice", "2x5", "slice_param { slice_point: 3 slice_point: 2 }", "t u v"),
    "Slice, a point too few": layer("Slice", "2x5", "slice_param { slice_point: 3 }", "t u v"),
    "SigmoidCrossEntropyLoss, other counts": layer("SigmoidCrossEntropyLoss", "2x3 2x4"),
    "SoftmaxWithLoss, other label count": layer("SoftmaxWithLoss", "2x3 2x3"),
    "SoftmaxWithLoss, two tops": layer("SoftmaxWithLoss", "2x3 2", tops="t u"),
    "Split in place": layer("Split", "2x3", tops="b0"),
    "SPP, three axes": layer("SPP", "1x3x5", "spp_param { pyramid_height: 2 }"),
    "Tile, no number": layer("Tile", "2x3"),
}
BACKWARD = {
    "a gradient to labels": "force_backward: true " + layer("Threshold", "2x3"),
    "Accuracy under force_backward": "force_backward: true " + layer("Accuracy", "2x3 2"),
    "ArgMax under force_backward": "force_backward: true " + layer("ArgMax", "2x3"),
    "Embed under force_backward": "force_backward: true "
    + layer("Embed", "2", "embed_param { num_output: 1 input_dim: 1 }"),
}
SOLVERS = {
    "an unknown type": "type: 'RMSProb' base_lr: 1 lr_policy: 'fixed'",
    "an unknown policy": "base_lr: 1 lr_policy: 'cosine'",
    "no policy": "base_lr: 1",
    "an unknown field": "base_lr: 1 lr_policy: 'fixed' learning_rate: 1",
    "two ways to say the type": "type: 'SGD' solver_type: ADAM base_lr: 1 lr_policy: 'fixed'",
    "two nets": "train_net: 'net.prototxt' base_lr: 1 lr_policy: 'fixed'",
    "AdaGrad with momentum": "type: 'AdaGrad' momentum: 0.9 base_lr: 1 lr_policy: 'fixed'",
    "RMSProp with momentum": "type: 'RMSProp' momentum: 0.9 base_lr: 1 lr_policy: 'fixed'",
    "RMSProp, decay 1": "type: 'RMSProp' rms_decay: 1 base_lr: 1 lr_policy: 'fixed'",
    "an unknown regularisation": "base_lr: 1 lr_policy: 'fixed' weight_decay: 1 regularization_type: 'L3'",
    "tests without an interval": "base_lr: 1 lr_policy: 'fixed' test_iter: 1",
    "no average": "base_lr: 1 lr_policy: 'fixed' average_loss: 0",
    "a negative gamma": "base_lr: 1 lr_policy: 'exp' gamma: -1",
    "no step size": "base_lr: 1 lr_policy: 'step' gamma: 1",
    "snapshots into a folder that is not there": "base_lr: 1 lr_policy: 'fixed' snapshot: 1 snapshot_prefix: 'none/x'",
}


def refused_by_both(case: Case, oracle: Oracle) -> None:
    with pytest.raises(Refused):
        oracle.run(case)
    with pytest.raises((CaffeError, RuntimeError)) as found:
        run_ours(case)
    assert len(str(found.value)) > 20, "the message must help"


@pytest.mark.parametrize("name", NETS)
def test_nets_that_caffe_dies_of_are_refused(name: str, oracle: Oracle):
    refused_by_both(Case("net", {"text": NETS[name], "backward": False}), oracle)


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_passes_that_caffe_dies_of_are_refused(name: str, oracle: Oracle):
    refused_by_both(Case("net", {"text": BACKWARD[name]}), oracle)


@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_that_caffe_dies_of_are_refused(name: str, oracle: Oracle):
    refused_by_both(trajectory(SOLVERS[name], [3]), oracle)


def test_what_has_no_fault_is_not_refused(oracle: Oracle):
    """What the others differ from."""
    oracle.run(Case("net", {"text": layer("ReLU", "2x3")}))
    oracle.run(trajectory("base_lr: 0.1 lr_policy: 'fixed'", [3]))
