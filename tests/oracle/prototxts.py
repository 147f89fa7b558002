"""Nets to compare by structure: splits, in-place layers, include and exclude rules, old formats."""

from __future__ import annotations

DATA = """
layer { name: "data" type: "DummyData" top: "x" top: "y" dummy_data_param { shape { dim: 3 dim: 4 } shape { dim: 3 }
  data_filler { type: "gaussian" } data_filler { type: "constant" } } }
"""


def _ip(name: str, bottom: str, top: str, more: str = "") -> str:
    param = 'inner_product_param { num_output: 4 weight_filler { type: "xavier" } }'
    return _layer(name, "InnerProduct", bottom, top, f"{more} {param}")


def _layer(name: str, type_: str, bottoms: str, tops: str, more: str = "") -> str:
    wiring = " ".join([f'bottom: "{b}"' for b in bottoms.split()] + [f'top: "{t}"' for t in tops.split()])
    return f'layer {{ name: "{name}" type: "{type_}" {wiring} {more} }}'


def _loss(bottom: str, top: str = "loss") -> str:
    return _layer("loss", "SoftmaxWithLoss", f"{bottom} y", top)


_A = DATA + _ip("a", "x", "a")
_QUIET = _layer("q", "Silence", "y", "")
_SUM = _layer("sum", "Eltwise", "a b", "s")
_RELU = _layer("r", "ReLU", "x", "y")

NETS = {
    "a chain": _A + _loss("a"),
    "data read twice": _A + _ip("b", "x", "b") + _SUM + _loss("s"),
    "in place before two readers": _A
    + _layer("relu", "ReLU", "a", "a")
    + _ip("b", "a", "b")
    + _ip("c", "a", "c")
    + _layer("sum", "Eltwise", "b c", "s")
    + _loss("s"),
    "one bottom twice": _A + _layer("sum", "Eltwise", "a a", "s") + _QUIET,
    "a loss with a reader": _A
    + _layer("loss", "EuclideanLoss", "a x", "loss", "loss_weight: 2")
    + _layer("twice", "Power", "loss", "twice", "power_param { scale: 2 }")
    + _QUIET,
    "loss weights on tops": _A
    + _layer("cut", "Slice", "a", "u v", "loss_weight: 0.5 loss_weight: 0")
    + _layer("r", "ReLU", "v", "w")
    + _QUIET,
    "a weighted top with a reader": DATA + _ip("a", "x", "a", "loss_weight: 3") + _ip("b", "a", "b") + _loss("b"),
    "an anonymous loss": _A + _loss("a", ""),
    "outputs by name": DATA + _ip("a", "x", "b") + _ip("Z", "x", "Z") + _ip("c", "x", "_") + _QUIET,
    "shared parameters": DATA
    + _ip("a", "x", "a", 'param { name: "w" } param { name: "v" lr_mult: 2 }')
    + _ip("b", "a", "b", 'param { name: "w" } param { name: "v" }')
    + _loss("b"),
    "equal layer names": _A + _ip("a", "a", "b") + _loss("b"),
    "batch norm": _A
    + _layer("bn", "BatchNorm", "a", "a")
    + _layer("s", "Scale", "a", "a", "scale_param { bias_term: true }")
    + _loss("a"),
    "accuracy in both phases": _A + _loss("a") + _layer("hits", "Accuracy", "a y", "hits"),
    "old input fields": 'input: "x" input_dim: 2 input_dim: 3 input_dim: 4 input_dim: 5 ' + _RELU,
    "old input shapes": 'input: "x" input: "z" input_shape { dim: 2 dim: 3 } input_shape { dim: 4 } ' + _RELU,
}

STATES = (
    DATA
    + _ip("always", "x", "h")
    + _layer("train", "ReLU", "h", "h", "include { phase: TRAIN }")
    + _layer("test", "TanH", "h", "h", "include { phase: TEST }")
    + _layer("low", "Sigmoid", "h", "h", "include { max_level: 1 }")
    + _layer("high", "AbsVal", "h", "high", "include { min_level: 1 max_level: 3 }")
    + _layer("a", "Power", "h", "a", 'include { stage: "a" }')
    + _layer("ab", "Power", "h", "ab", 'include { stage: "a" stage: "b" }')
    + _layer("a or test", "Power", "h", "either", 'include { stage: "a" } include { phase: TEST }')
    + _layer("not b", "Power", "h", "notb", 'include { not_stage: "b" }')
    + _layer("without", "Power", "h", "without", 'exclude { phase: TRAIN stage: "a" }')
    + _layer("nor", "Power", "h", "nor", "exclude { phase: TEST } exclude { min_level: 2 }")
    + _layer("empty", "Power", "h", "empty", "include { }")
    + _QUIET
)

_V1_DATA = """
layers { name: "data" type: DUMMY_DATA top: "x" top: "y" dummy_data_param {
  num: 2 num: 2 channels: 6 channels: 1 height: 9 height: 1 width: 8 width: 1
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
"""
_V0_FILLED = 'weight_filler { type: "gaussian" std: 0.3 } bias_filler { type: "constant" value: 0.2 }'

UPGRADED = {
    "V1": "force_backward: true"
    + _V1_DATA
    + """
layers { name: "conv" type: CONVOLUTION bottom: "x" top: "c" blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
  convolution_param { num_output: 4 kernel_size: 3 pad: 1 group: 2 weight_filler { type: "xavier" } } }
layers { name: "relu" type: RELU bottom: "c" top: "c" }
layers { name: "norm" type: LRN bottom: "c" top: "n" lrn_param { local_size: 3 alpha: 0.1 } }
layers { name: "pool" type: POOLING bottom: "n" top: "p" pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layers { name: "drop" type: DROPOUT bottom: "p" top: "p" dropout_param { dropout_ratio: 0.3 } }
layers { name: "tanh" type: TANH bottom: "p" top: "t" }
layers { name: "sigmoid" type: SIGMOID bottom: "p" top: "s" }
layers { name: "power" type: POWER bottom: "s" top: "w" power_param { power: 2 shift: 1 } }
layers { name: "sum" type: ELTWISE bottom: "t" bottom: "w" top: "e" eltwise_param { coeff: 1 coeff: -1 } }
layers { name: "cat" type: CONCAT bottom: "t" bottom: "e" top: "k" concat_param { concat_dim: 1 } }
layers { name: "flat" type: FLATTEN bottom: "k" top: "f" }
layers { name: "ip" type: INNER_PRODUCT bottom: "f" top: "i" param: "shared" blob_share_mode: PERMISSIVE
  inner_product_param { num_output: 5 weight_filler { type: "gaussian" std: 0.1 } } }
layers { name: "abs" type: ABSVAL bottom: "i" top: "a" }
layers { name: "mvn" type: MVN bottom: "a" top: "m" mvn_param { across_channels: true } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "i" bottom: "y" top: "loss"
  loss_weight: 0.5 loss_param { ignore_label: 9 } }
layers { name: "hinge" type: HINGE_LOSS bottom: "i" bottom: "y" top: "hinge" }
layers { name: "quiet" type: SILENCE bottom: "m" }
""",
    "V0": f"""
force_backward: true
input: "x" input_dim: 2 input_dim: 6 input_dim: 9 input_dim: 8
layers {{ layer {{ name: "pad1" type: "padding" pad: 2 }} bottom: "x" top: "padded" }}
layers {{ layer {{ name: "conv1" type: "conv" num_output: 4 kernelsize: 3 stride: 2 group: 2 {_V0_FILLED}
  blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0 }} bottom: "padded" top: "conv1" }}
layers {{ layer {{ name: "relu1" type: "relu" }} bottom: "conv1" top: "conv1" }}
layers {{ layer {{ name: "pool1" type: "pool" pool: AVE kernelsize: 3 stride: 2 pad: 1 }}
  bottom: "conv1" top: "pool1" }}
layers {{ layer {{ name: "norm1" type: "lrn" local_size: 3 alpha: 0.5 beta: 0.6 }} bottom: "pool1" top: "norm1" }}
layers {{ layer {{ name: "conv2" type: "conv" num_output: 3 kernelsize: 1 biasterm: false {_V0_FILLED} }}
  bottom: "norm1" top: "conv2" }}
layers {{ layer {{ name: "bnll" type: "bnll" }} bottom: "conv2" top: "bnll" }}
layers {{ layer {{ name: "cat" type: "concat" concat_dim: 1 }} bottom: "conv2" bottom: "bnll" top: "cat" }}
layers {{ layer {{ name: "drop" type: "dropout" dropout_ratio: 0.4 }} bottom: "cat" top: "cat" }}
layers {{ layer {{ name: "flat" type: "flatten" }} bottom: "cat" top: "flat" }}
layers {{ layer {{ name: "ip" type: "innerproduct" num_output: 5 {_V0_FILLED} }} bottom: "flat" top: "ip" }}
layers {{ layer {{ name: "tanh" type: "tanh" }} bottom: "ip" top: "tanh" }}
layers {{ layer {{ name: "prob" type: "softmax" }} bottom: "tanh" top: "prob" }}
""",
    "three BatchNorm params": """
force_backward: true
layer { name: "x" type: "DummyData" top: "x"
  dummy_data_param { shape { dim: 4 dim: 3 } data_filler { type: "gaussian" } } }
layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" batch_norm_param { use_global_stats: true }
  param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 3 } param { name: "weight" } }
""",
}
