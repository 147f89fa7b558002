"""Nets to compare by structure: splits, in-place layers, include and exclude rules, old formats."""

from pathlib import Path

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


# Nets of "Net construction"; DATA + _ip("a", "x", "a") starts most of them.
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

UPGRADED = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "old_nets").glob("*.prototxt"))}
