"""Layers with random shapes and parameters. Nearly all are valid; both engines must refuse the others."""

import math
import random
from collections.abc import Callable

from tests.fixtures.layers.layer_case import TEST, TRAIN, Bottom, LayerCase, between, integers, normal, one_of

R = random.Random
Make = Callable[[R], LayerCase]
FILLERS = (
    '"gaussian" std: 0.3', '"uniform" min: -0.5 max: 0.5', '"xavier"', '"msra" variance_norm: AVERAGE',
    '"xavier" variance_norm: FAN_OUT', '"constant" value: 0.2', '"positive_unitball"', '"gaussian" sparse: 1',
)  # fmt: skip
MODES = ("FULL", "VALID", "BATCH_SIZE", "NONE")


def _dims(r: R, least: int = 1, most: int = 4, largest: int = 6) -> tuple[int, ...]:
    return tuple(r.randint(1, largest) for _ in range(r.randint(least, most)))


def _image(r: R, largest: int = 14) -> tuple[int, ...]:
    return (r.randint(1, 3), r.randint(1, 6), r.randint(1, largest), r.randint(1, largest))


def _values(r: R):
    """Mostly normal numbers; sometimes few different ones, which gives ties and zeros."""
    return r.choice([normal, normal, integers(-2, 3)])


def _signed(r: R, axis: int, shape: tuple[int, ...]) -> int:
    """The axis, or its negative form."""
    return r.choice([axis, axis - len(shape)])


def _axis(r: R, shape: tuple[int, ...], first: int = 0) -> int:
    return _signed(r, r.randrange(first, len(shape)), shape)


def _maybe(r: R, *texts: str) -> str:
    return " ".join(text for text in texts if r.random() < 0.5)


def _number(r: R, low: float, high: float) -> str:
    return f"{r.uniform(low, high):.4f}"


def _filler(r: R) -> str:
    return f"filler {{ type: {r.choice(FILLERS)} }}"


def _fillers(r: R) -> str:
    return f"weight_{_filler(r)} bias_{_filler(r)}"


def _layer(type_: str, bottoms: tuple[Bottom, ...] | Bottom | tuple[int, ...], param: str = "", **rest) -> LayerCase:
    """A case; one bottom, or the shape of one with normal numbers, needs no tuple."""
    if isinstance(bottoms, Bottom):
        bottoms = (bottoms,)
    elif isinstance(bottoms[0], int):
        bottoms = (Bottom(bottoms),)
    return LayerCase(type_, tuple(bottoms), param, **rest)


def _window(r: R, axes: int) -> str:
    padded = r.choice([0, 1])

    def per_axis(name: str, low: int, high: int) -> str:
        if axes == 2 and name != "dilation" and r.random() < 0.3:
            short = name.removesuffix("_size")
            return f"{short}_h: {r.randint(low, high)} {short}_w: {r.randint(low, high)}"
        return " ".join(f"{name}: {r.randint(low, high)}" for _ in range(r.choice([1, axes])))

    # A kernel beyond the bottom differs by design (conv_window.py), and a top of size 0 is of no use.
    parts = [per_axis("kernel_size", 3, 5) if padded else per_axis("kernel_size", 1, 5)]
    parts += [
        per_axis(name, low, high) for name, low, high in (("stride", 1, 3), ("pad", 0, padded)) if r.random() < 0.6
    ]
    if padded and r.random() < 0.3:
        parts[0] = "kernel_size: 3"
        parts.append(per_axis("dilation", 1, 2))
    return " ".join(parts)


def _filters(type_: str) -> Make:
    def make(r: R) -> LayerCase:
        group, axes = r.choice([1, 1, 2, 3]), r.choice([1, 2, 2, 2, 3])
        size = {1: 14, 2: 11, 3: 6}[axes]
        shape = (r.randint(1, 3), group * r.randint(1, 3), *(r.randint(5, size) for _ in range(axes)))
        later = (r.randint(1, 3), shape[1], *(r.randint(5, size) for _ in range(axes)))
        outputs = f"num_output: {group * r.randint(1, 3)} group: {group} {_maybe(r, 'bias_term: false')}"
        param = f"convolution_param {{ {outputs} {_window(r, axes)} {_fillers(r)} }}"
        copies = r.choice([1, 1, 1, 2])
        return LayerCase(type_, (Bottom(shape),) * copies, param, tops=copies, later=(later,) * copies)

    return make


def _im2col(r: R) -> LayerCase:
    axes = r.choice([1, 2, 2, 3])
    shape = (r.randint(1, 2), r.randint(1, 3), *(r.randint(5, 9) for _ in range(axes)))
    return _layer("Im2col", shape, f"convolution_param {{ {_window(r, axes)} }}")


def _pooling(r: R) -> LayerCase:
    method, has_mask = r.choice(["MAX", "AVE"]), False
    if r.random() < 0.1:
        window = "global_pooling: true"
    else:
        kernel = [r.randint(2, 5) for _ in range(2)]
        stride = [r.randint(1, k) for k in kernel]  # an empty window's gradient corrupts Caffe's memory
        pad = [r.randint(0, k - 1) for k in kernel] if r.random() < 0.5 else [0, 0]
        window = " ".join(
            f"{name}_h: {h} {name}_w: {w}" for name, (h, w) in (("kernel", kernel), ("stride", stride), ("pad", pad))
        )
        has_mask = method == "MAX" and r.random() < 0.2
    rounding = _maybe(r, f"round_mode: {r.choice(['CEIL', 'FLOOR'])}")
    shape = tuple(n + 4 if axis > 1 else n for axis, n in enumerate(_image(r)))
    param = f"pooling_param {{ pool: {method} {window} {rounding} }}"
    return _layer("Pooling", Bottom(shape, _values(r)), param, tops=1 + has_mask, backward=not has_mask)


def _spp(r: R) -> LayerCase:
    shape = (r.randint(1, 2), r.randint(1, 3), r.randint(4, 20), r.randint(4, 20))
    return _layer("SPP", shape, f"spp_param {{ pyramid_height: {r.randint(1, 3)} pool: {r.choice(['MAX', 'AVE'])} }}")


def _neuron(type_: str, param: Callable[[R], str] = lambda r: "", in_place=True, least=1, values=None) -> Make:
    def make(r: R) -> LayerCase:
        content = values or _values(r)
        is_in_place = in_place and r.random() < 0.3
        shape = _dims(r, least=least)
        return _layer(type_, Bottom(shape, content), param(r), in_place=is_in_place, phase=r.choice([TRAIN, TEST]))

    return make


def _lrn(r: R) -> LayerCase:
    region = r.choice(["ACROSS_CHANNELS", "WITHIN_CHANNEL"])
    size = f"local_size: {r.choice([1, 3, 5, 7])} alpha: {_number(r, 0, 3)} beta: {_number(r, 0.1, 1.5)}"
    param = f"lrn_param {{ {size} k: {_number(r, 0.5, 3)} norm_region: {region} }}"
    return _layer("LRN", _image(r), param)


def _mvn(r: R) -> LayerCase:
    param = _maybe(r, "normalize_variance: false", "across_channels: true", f"eps: {_number(r, 0.001, 0.1)}")
    # At least 2 x 2: one number minus its mean is rounding error, which cannot be compared.
    shape = (r.randint(1, 3), r.randint(1, 4), r.randint(2, 6), r.randint(2, 6))
    return _layer("MVN", shape, f"mvn_param {{ {param} }}")


def _softmax(r: R) -> LayerCase:
    shape = _dims(r)
    param = f"softmax_param {{ axis: {_axis(r, shape)} }}"
    return _layer("Softmax", Bottom(shape, _values(r)), param, in_place=r.random() < 0.3)


def _eltwise(r: R) -> LayerCase:
    count, operation = r.randint(2, 4), r.choice(["SUM", "PROD", "MAX"])
    has_coeff = operation == "SUM" and r.random() < 0.5
    coeff = " ".join(f"coeff: {_number(r, -2, 2)}" for _ in range(count)) if has_coeff else ""
    bottom = Bottom(_dims(r), _values(r))
    return _layer("Eltwise", (bottom,) * count, f"eltwise_param {{ operation: {operation} {coeff} }}")


def _broadcast(type_: str, name: str) -> Make:
    def make(r: R) -> LayerCase:
        shape = _dims(r, least=2, largest=5)
        start = r.randrange(len(shape))
        end = r.randint(start, len(shape))
        axis = f"axis: {_signed(r, start, shape)}"
        bias = _maybe(r, f"bias_term: true bias_{_filler(r)}") if type_ == "Scale" and end > start else ""
        in_place = r.random() < 0.3
        whole = Bottom(shape, between(0.5, 1.5))  # positive: the operand's gradient is not a sum near zero
        if r.random() < 0.5:
            bottoms = (whole, Bottom(shape[start:end]))
            return _layer(type_, bottoms, f"{name} {{ {axis} {bias} }}", in_place=in_place)
        filler = _filler(r) if end > start else 'filler { type: "uniform" }'
        return _layer(type_, whole, f"{name} {{ {axis} num_axes: {end - start} {filler} {bias} }}", in_place=in_place)

    return make


def _inner_product(r: R) -> LayerCase:
    shape = _dims(r, least=2)
    param = f"num_output: {r.randint(1, 6)} axis: {_axis(r, shape, 1)} {_fillers(r)}"
    return _layer(
        "InnerProduct", shape, f"inner_product_param {{ {param} {_maybe(r, 'bias_term: false', 'transpose: true')} }}"
    )


def _embed(r: R) -> LayerCase:
    rows, options = r.randint(1, 8), _maybe(r, "bias_term: false")
    param = f"embed_param {{ input_dim: {rows} num_output: {r.randint(1, 5)} {options} {_fillers(r)} }}"
    return _layer("Embed", Bottom(_dims(r, most=3), integers(0, rows)), param, forced=False)


def _concat(r: R) -> LayerCase:
    shape = _dims(r)
    axis = r.randrange(len(shape))
    bottoms = tuple(Bottom((*shape[:axis], r.randint(1, 4), *shape[axis + 1 :])) for _ in range(r.randint(1, 4)))
    return _layer("Concat", bottoms, f"concat_param {{ axis: {_signed(r, axis, shape)} }}")


def _slice(r: R) -> LayerCase:
    shape, tops = _dims(r, largest=5), r.randint(1, 4)
    axis = r.randrange(len(shape))
    length = r.randint(tops, 9)
    shape = (*shape[:axis], length, *shape[axis + 1 :])
    points = " ".join(f"slice_point: {point}" for point in sorted(r.sample(range(1, length), tops - 1)))
    return _layer("Slice", shape, f"slice_param {{ axis: {_signed(r, axis, shape)} {points} }}", tops=tops)


def _crop(r: R) -> LayerCase:
    whole = _dims(r, least=1, largest=8)
    axis = r.randrange(len(whole))
    like = tuple(r.randint(1, n) for n in whole)
    same = r.random() < 0.3
    room = [n - m for n, m in zip(whole[axis:], like[axis:], strict=True)]
    offsets = [r.randint(0, min(room))] if same else [r.randint(0, n) for n in room]
    text = " ".join(f"offset: {offset}" for offset in offsets)
    return _layer("Crop", (Bottom(whole), Bottom(like)), f"crop_param {{ axis: {_signed(r, axis, whole)} {text} }}")


def _flatten(r: R) -> LayerCase:
    shape = _dims(r)
    first = r.randrange(len(shape))
    last = r.randrange(first, len(shape))
    axes = f"axis: {_signed(r, first, shape)} end_axis: {_signed(r, last, shape)}"
    return _layer("Flatten", shape, f"flatten_param {{ {axes} }}")


def _reshape(r: R) -> LayerCase:
    shape = _dims(r)
    start = r.randint(0, len(shape))
    end = r.randint(start, len(shape))
    dims = [0 if r.random() < 0.3 else n for n in shape[start:end]]
    r.shuffle(dims)
    if dims and r.random() < 0.6:
        dims[r.randrange(len(dims))] = -1
    text = " ".join(f"dim: {dim}" for dim in dims)
    return _layer("Reshape", shape, f"reshape_param {{ shape {{ {text} }} axis: {start} num_axes: {end - start} }}")


def _tile(r: R) -> LayerCase:
    shape = _dims(r, largest=4)
    return _layer("Tile", shape, f"tile_param {{ axis: {_axis(r, shape)} tiles: {r.randint(1, 4)} }}")


def _reduction(r: R) -> LayerCase:
    shape, operation = _dims(r), r.choice(["SUM", "ASUM", "SUMSQ", "MEAN"])
    param = f"operation: {operation} axis: {_axis(r, shape)} coeff: {_number(r, 0.5, 2)}"
    # Positive numbers: the relative error of a sum near zero is meaningless.
    return _layer("Reduction", Bottom(shape, between(0.1, 2)), f"reduction_param {{ {param} }}")


def _arg_max(r: R) -> LayerCase:
    shape = _dims(r, largest=5)
    axis = r.randrange(len(shape))
    with_axis = r.random() < 0.5
    choices = shape[axis] if with_axis else math.prod(shape[1:])
    param = f"{f'axis: {axis}' if with_axis else ''} top_k: {r.randint(1, choices)} {_maybe(r, 'out_max_val: true')}"
    return _layer("ArgMax", Bottom(shape, integers(-3, 4)), f"argmax_param {{ {param} }}", backward=False)


def _batch_reindex(r: R) -> LayerCase:
    items = _dims(r)
    indices = Bottom((r.randint(1, 8),), integers(0, items[0]))
    return _layer("BatchReindex", (Bottom(items, is_parameter=True), indices))


def _filter(r: R) -> LayerCase:
    count, tops = r.randint(1, 6), r.randint(1, 3)
    items = tuple(Bottom((count, *_dims(r, least=0, most=3)), is_parameter=True) for _ in range(tops))
    return _layer("Filter", (*items, Bottom((count,), one_of(1, 2, 3))), tops=tops)


def _scored(r: R) -> tuple[Bottom, Bottom, int]:
    """Scores and labels along a random axis."""
    shape = tuple(n + 1 for n in _dims(r, least=2))
    axis = r.randrange(len(shape)) or 1  # Caffe needs equal first dims
    return Bottom(shape), Bottom(shape[:axis] + shape[axis + 1 :], integers(0, shape[axis])), axis


def _loss_weight(r: R) -> str:
    return _maybe(r, f"loss_weight: {_number(r, 0.5, 3)}")


def _loss_param(r: R) -> str:
    mode = r.choice([*(f"normalization: {mode}" for mode in MODES), "normalize: true", "normalize: false", ""])
    return f"loss_param {{ {mode} {_maybe(r, 'ignore_label: 1')} }} {_loss_weight(r)}"


def _softmax_with_loss(r: R) -> LayerCase:
    *bottoms, axis = _scored(r)
    return _layer("SoftmaxWithLoss", tuple(bottoms), f"softmax_param {{ axis: {axis} }} {_loss_param(r)}")


def _sigmoid_cross_entropy(r: R) -> LayerCase:
    shape = _dims(r)
    return _layer("SigmoidCrossEntropyLoss", (Bottom(shape), Bottom(shape, one_of(0, 1, 0.3))), _loss_param(r))


def _accuracy(r: R) -> LayerCase:
    scores, labels, axis = _scored(r)
    param = f"axis: {axis} top_k: {r.randint(1, scores.shape[axis])} {_maybe(r, 'ignore_label: 0')}"
    bottoms = (Bottom(scores.shape, _values(r)), labels)
    return _layer("Accuracy", bottoms, f"accuracy_param {{ {param} }}", tops=r.choice([1, 2]), backward=False)


def _euclidean(r: R) -> LayerCase:
    return _layer("EuclideanLoss", (Bottom(_dims(r)),) * 2, _loss_weight(r))


def _hinge(r: R) -> LayerCase:
    n, c = r.randint(1, 5), r.randint(2, 6)
    param = f"hinge_loss_param {{ norm: {r.choice(['L1', 'L2'])} }}"
    return _layer("HingeLoss", (Bottom((n, c)), Bottom((n,), integers(0, c))), param)


def _multinomial(r: R) -> LayerCase:
    n, c = r.randint(1, 5), r.randint(2, 6)
    return _layer("MultinomialLogisticLoss", (Bottom((n, c), between(0, 1)), Bottom((n,), integers(0, c))))


def _infogain(r: R) -> LayerCase:
    scores, labels, axis = _scored(r)
    classes = scores.shape[axis]
    mode = _maybe(r, f"normalization: {r.choice(MODES)}", "ignore_label: 1")
    bottoms = (Bottom(scores.shape, is_parameter=True), labels, Bottom((1, 1, classes, classes), between(0, 1)))
    return _layer("InfogainLoss", bottoms, f"infogain_loss_param {{ axis: {axis} }} loss_param {{ {mode} }}")


def _contrastive(r: R) -> LayerCase:
    n, c = r.randint(1, 6), r.randint(1, 5)
    param = f"contrastive_loss_param {{ margin: {_number(r, 0.5, 5)} {_maybe(r, 'legacy_version: true')} }}"
    return _layer("ContrastiveLoss", (Bottom((n, c)), Bottom((n, c)), Bottom((n,), one_of(0, 1))), param)


def _recurrent(type_: str) -> Make:
    def make(r: R) -> LayerCase:
        t, n = r.randint(1, 5), r.randint(1, 3)
        param = f"recurrent_param {{ num_output: {r.randint(1, 5)} {_fillers(r)} }}"
        bottoms = [Bottom((t, n, r.randint(1, 4))), Bottom((t, n), one_of(0, 1))]
        if r.random() < 0.4:
            bottoms.append(Bottom((n, r.randint(1, 4))))
        return _layer(type_, tuple(bottoms), param)

    return make


def _exp_param(r: R) -> str:
    return f"exp_param {{ base: {_number(r, 0.5, 4)} scale: {_number(r, -1, 1)} shift: {_number(r, -1, 1)} }}"


def _log_param(r: R) -> str:
    return f"log_param {{ base: {_number(r, 1.5, 10)} shift: {_number(r, 0, 2)} }}"


def _power_param(r: R) -> str:
    return f"power_param {{ power: {_number(r, -2, 3)} scale: {_number(r, 0.1, 2)} shift: {_number(r, 0, 2)} }}"


MAKERS: dict[str, Make] = {
    "AbsVal": _neuron("AbsVal", in_place=False),
    "Accuracy": _accuracy,
    "ArgMax": _arg_max,
    "BatchReindex": _batch_reindex,
    "Bias": _broadcast("Bias", "bias_param"),
    "BNLL": _neuron("BNLL"),
    "Concat": _concat,
    "ContrastiveLoss": _contrastive,
    "Convolution": _filters("Convolution"),
    "Crop": _crop,
    "Deconvolution": _filters("Deconvolution"),
    "Dropout": _neuron("Dropout", lambda r: f"dropout_param {{ dropout_ratio: {_number(r, 0.1, 0.9)} }}"),
    "Eltwise": _eltwise,
    "ELU": _neuron("ELU", lambda r: f"elu_param {{ alpha: {_number(r, 0.1, 2)} }}"),
    "Embed": _embed,
    "EuclideanLoss": _euclidean,
    "Exp": _neuron("Exp", _exp_param),
    "Filter": _filter,
    "Flatten": _flatten,
    "HingeLoss": _hinge,
    "Im2col": _im2col,
    "InfogainLoss": _infogain,
    "InnerProduct": _inner_product,
    "Log": _neuron("Log", _log_param, values=between(0.3, 4), in_place=False),
    "LRN": _lrn,
    "LSTM": _recurrent("LSTM"),
    "MultinomialLogisticLoss": _multinomial,
    "MVN": _mvn,
    "Pooling": _pooling,
    "Power": _neuron("Power", _power_param, values=between(0.3, 3), in_place=False),
    "PReLU": _neuron("PReLU", lambda r: f"prelu_param {{ {_filler(r)} }}", least=2),
    "Reduction": _reduction,
    "ReLU": _neuron("ReLU", lambda r: _maybe(r, f"relu_param {{ negative_slope: {_number(r, 0, 1)} }}")),
    "Reshape": _reshape,
    "RNN": _recurrent("RNN"),
    "Scale": _broadcast("Scale", "scale_param"),
    "Sigmoid": _neuron("Sigmoid"),
    "SigmoidCrossEntropyLoss": _sigmoid_cross_entropy,
    "Slice": _slice,
    "Softmax": _softmax,
    "SoftmaxWithLoss": _softmax_with_loss,
    "Split": lambda r: _layer("Split", _dims(r), tops=r.randint(1, 5)),
    "SPP": _spp,
    "Swish": _neuron("Swish", lambda r: f"swish_param {{ beta: {_number(r, -2, 2)} }}"),
    "TanH": _neuron("TanH"),
    "Tile": _tile,
}


def layers(type_: str, count: int) -> list[LayerCase]:
    """Make `count` layers of a type; they are the same in each run."""
    return [MAKERS[type_](R(f"{type_} {index}")) for index in range(count)]
