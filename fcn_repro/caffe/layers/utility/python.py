"""Python: layers written by users."""

import importlib
import os
from typing import Any

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.solver import solver_rank


def python_layer(param) -> Layer:
    """Create the user's layer object for a LayerParameter of type Python.

    python_param names a module on sys.path, a class in it that derives from caffe.Layer, and a string param_str. The
    layer gets `param_str` and `phase` before `setup`, where `self.blobs.add_blob(...)` adds trainable parameters.

    Raises   CaffeError naming the layer if the module or class is missing, if the class is not a caffe.Layer, or if
             several solvers train in one process. Errors raised by the module pass unchanged.
    Note     As in Caffe, a net runs any code that it names. fcn_repro.model.surgery.load, which loads untrusted nets,
             refuses modules that are not loaded yet.
    Source   caffe 9b89154 python_layer.hpp, layer_factory.cpp
    """
    module_name, class_name = param.python_param.module, param.python_param.layer
    where = f"layer {param.name!r} (Python) needs {module_name}.{class_name}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise CaffeError(
            f"{where}, but no module {module_name!r} is on sys.path. Fix: add its folder to PYTHONPATH"
        ) from error
    user_class = getattr(module, class_name, None)
    if not (isinstance(user_class, type) and issubclass(user_class, Layer)):
        raise CaffeError(f"{where}, but {module.__file__} has no class of that name that derives from caffe.Layer")
    if param.phase == caffe_pb2.TRAIN and solver_rank.solver_count() > 1 and not solver_rank.multiprocess():
        raise CaffeError(
            f"{where}, which cannot train beside {solver_rank.solver_count() - 1} other solver(s) in one process. "
            "Fix: give each solver a process and call caffe.set_multiprocess(True)"
        )
    return create_user_layer(user_class, param)


def create_user_layer(user_class: type[Layer], param) -> Layer:
    """Create an object of a user's class, with the attributes that Python layers have."""
    layer: Any = user_class(param)
    layer.param_str = param.python_param.param_str
    layer.phase = param.phase
    return layer


def list_user_layers() -> dict[str, type[Layer]]:
    """Find the layer types that the modules in CAFFE_LAYERS add: Python layers under their class names.

    CAFFE_LAYERS separates modules by commas; of two classes with one name the first counts. `self.param` of such a
    layer is its LayerParameter, with the fields of the .proto files in CAFFE_PROTO.

    Raises   CaffeError for a module that is not on sys.path. Errors raised by a module pass unchanged.
    """
    found: dict[str, type[Layer]] = {}
    for name in filter(None, os.environ.get("CAFFE_LAYERS", "").split(",")):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise CaffeError(
                f"CAFFE_LAYERS: got the module {name!r}, which is not on sys.path. Fix: add its folder to PYTHONPATH"
            ) from error
        for type_, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, Layer) and value is not Layer:
                found.setdefault(type_, value)
    return found
