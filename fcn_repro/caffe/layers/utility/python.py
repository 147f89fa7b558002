"""Python: layers written by users."""

import importlib
import os
from types import ModuleType
from typing import Any

from fcn_repro import shim
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
    if _is_path(module_name):
        raise CaffeError(f"{where}, but its module is not a name. Fix: {_advise(module_name)}")
    try:
        module = _import_user_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        fault = f"no module {module_name!r} is on sys.path"
        raise CaffeError(f"{where}, but {fault}. Fix: {_advise(module_name)}") from error
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
            module = _import_user_module(name)
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


def _is_path(module_name: str) -> bool:
    """Whether a module is given as a path, which Caffe does not import, or is missing."""
    return not module_name or module_name.startswith(".") or "/" in module_name or "\\" in module_name


def _advise(module_name: str) -> str:
    """Return how to name a module whose file `module_name` may be a path of."""
    name = os.path.basename(module_name.replace("\\", "/")).strip(".").removesuffix(".py") or "NAME"
    folder = os.path.dirname(module_name) or "its folder"
    return f"write module: {name!r}, and add {folder} to PYTHONPATH"


def _import_user_module(name: str) -> ModuleType:
    """Import a module of layers. Where no Caffe is installed, `import caffe` in it gives this engine."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "caffe":
            raise
    shim.install()
    return importlib.import_module(name)
