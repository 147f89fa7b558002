"""The list types of pycaffe's compiled module, by what they hold; scripts compare types with them."""


class BoolVec(list):
    """Booleans."""


class DtypeVec(list):
    """Floating-point numbers, such as loss weights."""


class IntVec(list):
    """Integers, such as a shape."""


class LayerVec(list):
    """A net's layers."""


class NetVec(list):
    """A solver's test nets."""


class RawBlobVec(list):
    """A layer's bottoms or tops."""


class StringVec(list):
    """Names."""
