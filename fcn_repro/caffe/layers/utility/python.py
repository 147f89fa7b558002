"""Python: layers that users write."""

from __future__ import annotations

import importlib
from typing import Any

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.solver import solver_rank


def python_layer(param) -> Layer:
    """The user's own layer object for a LayerParameter of type Python.

    python_param names a module on sys.path, a class in it that derives from caffe.Layer, and a free param_str. Before
    `setup`, `param_str` and `phase` are set; `self.blobs.add_blob(...)` in setup makes learnable parameters.

    Raises   CaffeError naming the layer where the module or the class is missing or is no caffe.Layer; what the module
             itself raises comes through unchanged. CaffeError where several solvers train in one process.
    Note     as in Caffe, a net thus runs whatever code is found under a name; fcn_repro.model.surgery.load, by which given
             nets are loaded in order to run them, refuses modules that are not loaded yet.
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
            f"{where}, but no module {module_name!r} is on sys.path; set PYTHONPATH to its folder"
        ) from error
    user_class = getattr(module, class_name, None)
    if not (isinstance(user_class, type) and issubclass(user_class, Layer)):
        raise CaffeError(f"{where}, but {module.__file__} has no class of that name that derives from caffe.Layer")
    if param.phase == caffe_pb2.TRAIN and solver_rank.solver_count() > 1 and not solver_rank.multiprocess():
        raise CaffeError(
            f"{where}, which cannot train beside {solver_rank.solver_count() - 1} other solver(s) of one process; give "
            "each a process and call caffe.set_multiprocess(True)"
        )
    layer: Any = user_class(param)
    layer.param_str = param.python_param.param_str
    layer.phase = param.phase
    return layer
