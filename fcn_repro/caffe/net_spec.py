"""Write nets as Python: a call of a layer type makes its tops, and NetSpec names them.

    from fcn_repro.caffe import layers as L, params as P

    n = NetSpec()
    n.data, n.label = L.Python(module="voc_layers", layer="VOCSegDataLayer", ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=3, num_output=64)
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.pool1 = L.Pooling(n.relu1, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    print(n.to_proto())

The schema defines the parameters of each layer type; this module knows no layer type by name.

Source   caffe 9b89154 python/caffe/net_spec.py
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from fcn_repro.caffe.dialects.knowledge import advise
from fcn_repro.caffe.proto import caffe_pb2


class Top:
    """The n-th output of a layer, still without a name."""

    def __init__(self, fn: Function, n: int) -> None:
        self.fn = fn
        self.n = n

    def to_proto(self) -> Any:
        """Return a NetParameter of this top's layer and its ancestors."""
        return to_proto(self)


class Function:
    """One layer: its type, bottoms, keyword parameters and tops.

    Raises   TypeError naming the first bottom that is not a Top
    """

    def __init__(self, type_name: str, inputs: tuple[Top, ...], params: dict[str, Any]) -> None:
        for i, bottom in enumerate(inputs):
            if not isinstance(bottom, Top):
                raise TypeError(f"{type_name} input {i} is not a Top (type is {type(bottom)})")
        self.type_name = type_name
        self.inputs = inputs
        self.params = dict(params)
        self.ntop = self.params.pop("ntop", 1)
        self.in_place = self.params.pop("in_place", False)
        self.tops = tuple(Top(self, n) for n in range(self.ntop))


class NetSpec:
    """A net under construction: assigning a top (or a layer without tops) to an attribute names it.

    Raises   KeyError for reading an unassigned name
    """

    tops: dict[str, Top | Function]

    def __init__(self) -> None:
        super().__setattr__("tops", {})

    def __setattr__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Any:
        return self.tops[name]

    def __delattr__(self, name: str) -> None:
        del self.tops[name]

    __setitem__ = __setattr__
    __getitem__ = __getattr__
    __delitem__ = __delattr__

    def to_proto(self) -> Any:
        """Return the NetParameter: layers in the order of assignment, each after the layers it needs."""
        writer = _Writer({value: name for name, value in self.tops.items()})
        return writer.write(*self.tops.values())


def to_proto(*tops: Top) -> Any:
    """Return a NetParameter of these tops and their ancestors, named by type and number, as in ReLU1."""
    return _Writer({}).write(*tops)


class Layers:
    """`L`: every attribute is a layer type; call it with bottoms and keyword parameters.

    A call returns one Top, a tuple of them for `ntop` > 1, or the Function for `ntop` 0.
    """

    def __getattr__(self, type_name: str) -> Callable[..., Any]:
        if type_name.startswith("__"):  # Python inspects the object
            raise AttributeError(type_name)

        def layer(*inputs: Top, **params: Any) -> Any:
            fn = Function(type_name, inputs, params)
            if fn.ntop == 0:
                return fn
            return fn.tops[0] if fn.ntop == 1 else fn.tops

        return layer


class Parameters:
    """`P`: enum values by message, as in P.Pooling.MAX for PoolingParameter.MAX."""

    def __getattr__(self, name: str) -> Any:
        return getattr(caffe_pb2, f"{name}Parameter")


layers = Layers()
params = Parameters()


def param_name_dict() -> dict[str, str]:
    """Map layer types to their fields of LayerParameter without `_param`: {'InnerProduct': 'inner_product', ...}."""
    fields = caffe_pb2.LayerParameter.DESCRIPTOR.fields
    own = [field for field in fields if field.name.endswith("_param")]
    return {field.message_type.name[: -len("Parameter")]: field.name[: -len("_param")] for field in own}


def assign_proto(proto: Any, name: str, value: Any) -> None:
    """Assign a Python value to a field: dicts fill messages, lists fill repeated fields, one value is a list of one.

    Raises   AttributeError for an unknown field, or a list for a single value; IndexError for an empty list; TypeError
             or ValueError for a value of another type, all as pycaffe, with the path of the field
    """
    if name not in proto.DESCRIPTOR.fields_by_name:
        raise AttributeError(f"{name}: {proto.DESCRIPTOR.name} has no such field; {advise(name, _field_names(proto))}")
    target = getattr(proto, name)
    repeated = hasattr(target, "extend")
    if repeated and not isinstance(value, list):
        value = [value]
    if isinstance(value, list):
        if not repeated:
            raise AttributeError(f"{proto.DESCRIPTOR.name}.{name} takes one value, not the list {value}")
        if isinstance(value[0], dict):
            for index, item in enumerate(value):
                _assign_all(target.add(), item, f"{name}[{index}]")
        else:
            with _naming(f"{name}: "):
                target.extend(value)
    elif isinstance(value, dict):
        _assign_all(target, value, name)
    else:
        with _naming(f"{name}: "):
            setattr(proto, name, value)


def _assign_all(proto: Any, values: dict[str, Any], path: str) -> None:
    for name, value in values.items():
        with _naming(f"{path}."):
            assign_proto(proto, name, value)


def _field_names(proto: Any) -> list[str]:
    return list(proto.DESCRIPTOR.fields_by_name)


@contextlib.contextmanager
def _naming(place: str) -> Iterator[None]:
    """Put a place before the message of a value's error."""
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        raise type(error)(f"{place}{error}") from None


_OWN_PARAM = {type_name: f"{field}_param" for type_name, field in param_name_dict().items()}


class _Writer:
    """Writes one NetParameter: each layer once, after its bottoms' layers."""

    def __init__(self, names: dict[Top | Function, str]) -> None:
        self._names = names
        self._counts: Counter[str] = Counter()
        self._layers: dict[Function, Any] = {}

    def write(self, *ends: Top | Function) -> Any:
        for end in ends:
            self._layer(end.fn if isinstance(end, Top) else end)
        return caffe_pb2.NetParameter(layer=self._layers.values())

    def _layer(self, fn: Function) -> Any:
        if fn not in self._layers:
            bottoms = [self._layer(bottom.fn).top[bottom.n] for bottom in fn.inputs]
            tops = bottoms if fn.in_place else [self._name(top, fn) for top in fn.tops]
            layer = caffe_pb2.LayerParameter(type=fn.type_name, bottom=bottoms, top=tops)
            layer.name = self._name(fn.tops[0] if fn.tops else fn, fn)
            for key, value in fn.params.items():
                message = _message_with(layer, key)
                with _naming(f"{layer.type} layer {layer.name!r}, "):
                    assign_proto(message, key, value)
            self._layers[fn] = layer
        return self._layers[fn]

    def _name(self, thing: Top | Function, fn: Function) -> str:
        if thing not in self._names:
            self._counts[fn.type_name] += 1
            self._names[thing] = f"{fn.type_name}{self._counts[fn.type_name]}"
        return self._names[thing]


def _message_with(layer: Any, key: str) -> Any:
    """Return the message with the field `key`: the type's own parameters, else the layer."""
    known = _field_names(layer)
    if layer.type in _OWN_PARAM and not key.endswith("param"):
        own = getattr(layer, _OWN_PARAM[layer.type])
        if key in own.DESCRIPTOR.fields_by_name:
            return own
        known = [*_field_names(own), *known]
    if key not in layer.DESCRIPTOR.fields_by_name:
        raise AttributeError(f"{layer.type} layer {layer.name!r} takes no parameter {key!r}; {advise(key, known)}")
    return layer
