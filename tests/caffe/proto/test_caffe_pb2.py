"""Facts of Caffe's file formats, counted and quoted from the format tables, not from our own caffe.proto."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message

from fcn_repro.caffe.proto import caffe_pb2

FOLDER = Path(caffe_pb2.__file__).parent
MESSAGES = caffe_pb2.DESCRIPTOR.message_types_by_name
CAFFES_OWN = FileDescriptorSet.FromString((FOLDER / "caffe.desc").read_bytes()).file[0].message_type
NUMBERS = {
    "NetParameter.layer": 100, "NetParameter.layers": 2, "LayerParameter.blobs": 7,
    "LayerParameter.convolution_param": 106, "LayerParameter.python_param": 130, "LayerParameter.crop_param": 144,
    "LayerParameter.clip_param": 148, "V1LayerParameter.blobs": 6, "V1LayerParameter.param": 1001,
    "V0LayerParameter.hdf5_output_param": 1001, "BlobProto.data": 5, "BlobProto.shape": 7,
    "SolverParameter.weights": 42, "SPPParameter.engine": 6,
}  # fmt: skip
DEFAULTS = {
    "FillerParameter.type": "constant", "FillerParameter.max": 1.0, "FillerParameter.sparse": -1,
    "ParamSpec.decay_mult": 1.0, "NetState.phase": 1, "CropParameter.axis": 2, "LRNParameter.beta": 0.75,
    "LossParameter.normalization": 1, "EltwiseParameter.operation": 1, "SolverParameter.delta": pytest.approx(1e-8),
    "SolverParameter.snapshot_format": 1, "SolverParameter.solver_mode": 1, "SolverParameter.type": "SGD",
    "WindowDataParameter.crop_mode": "warp", "ConvolutionParameter.bias_term": True,
}  # fmt: skip


def test_the_committed_descriptor_is_compiled_from_caffe_proto(tmp_path):
    pytest.importorskip("grpc_tools", reason="protoc is missing. Fix: pip install grpcio-tools")
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{FOLDER}", f"--descriptor_set_out={tmp_path / 'new'}"]
    subprocess.run([*command, "caffe.proto"], check=True)
    fresh = (tmp_path / "new").read_bytes()
    assert fresh == (FOLDER / "caffe.desc").read_bytes(), "caffe.desc is out of date. Fix: make proto"


def test_has_every_message_and_field():
    assert len(CAFFES_OWN) == 63
    assert sum(len(message.field) for message in CAFFES_OWN) == 423
    for message in CAFFES_OWN:
        fields = MESSAGES[message.name].fields_by_name
        assert {field.name: fields[field.name].number for field in message.field} == {
            field.name: field.number for field in message.field
        }


@pytest.mark.parametrize(("name", "expected"), [*NUMBERS.items(), *DEFAULTS.items()])
def test_numbers_and_defaults_are_those_of_the_file_format(name: str, expected: object):
    message, field = name.split(".")
    if name in NUMBERS:
        assert MESSAGES[message].fields_by_name[field].number == expected
    else:
        assert getattr(getattr(caffe_pb2, message)(), field) == expected


def test_packs_only_blob_dimensions_and_blob_values():
    packed = {f"{m.name}.{f.name}" for m in MESSAGES.values() for f in m.fields if f.GetOptions().packed}
    blob = {f"BlobProto.{name}" for name in ("data", "diff", "double_data", "double_diff")}
    assert packed == {"BlobShape.dim"} | blob
    assert caffe_pb2.BlobShape(dim=[1, 3]).SerializeToString() == b"\x0a\x02\x01\x03"
    assert list(caffe_pb2.BlobShape.FromString(b"\x08\x01\x08\x03").dim) == [1, 3]  # reads unpacked values too


def test_binary_messages_require_only_the_limits_of_clip_and_skip_fields_of_forks():
    required = {f"{m.name}.{f.name}" for m in MESSAGES.values() for f in m.fields if f.is_required}
    assert required == {"ClipParameter.min", "ClipParameter.max"}
    fork_field_201 = b"\xca\x0c\x02hi"
    assert caffe_pb2.LayerParameter.FromString(b"\x0a\x01a" + fork_field_201).name == "a"
    net = caffe_pb2.NetParameter(name="round")
    net.layer.add(name="conv", type="Convolution").convolution_param.kernel_size.extend([3, 5])
    assert caffe_pb2.NetParameter.FromString(net.SerializeToString()) == net


def test_has_pycaffes_names():
    assert (caffe_pb2.TRAIN, caffe_pb2.TEST, caffe_pb2.Phase.Name(1)) == (0, 1, "TEST")
    assert (caffe_pb2.PoolingParameter.AVE, caffe_pb2.LossParameter.BATCH_SIZE) == (1, 2)
    assert caffe_pb2.V1LayerParameter.LayerType.Name(39) == "DECONVOLUTION"
    assert {"NetParameter", "SolverParameter", "Phase", "TRAIN", "TEST"} <= set(dir(caffe_pb2))
    with pytest.raises(AttributeError, match="caffe.proto has no message, enum or enum value 'NetParam'"):
        _ = caffe_pb2.NetParam


def test_is_like_a_generated_module():
    """By star import, vars() and inspect, as scripts walk it; protoc's names of descriptors too."""
    starred: dict = {}
    exec("from fcn_repro.caffe.proto.caffe_pb2 import *", starred)
    messages = {
        name for name, value in vars(caffe_pb2).items() if isinstance(value, type) and issubclass(value, Message)
    }
    assert messages == set(MESSAGES)
    assert {name for name, _ in inspect.getmembers(caffe_pb2, inspect.isclass)} >= messages
    assert starred.keys() - {"__builtins__"} == {*MESSAGES, "DESCRIPTOR", "Phase", "TRAIN", "TEST"}
    assert caffe_pb2._LAYERPARAMETER is caffe_pb2.LayerParameter.DESCRIPTOR
    assert caffe_pb2._POOLINGPARAMETER_POOLMETHOD.values_by_name["STOCHASTIC"].number == 2
    assert caffe_pb2._PHASE.values_by_name["TEST"].number == caffe_pb2.TEST


def test_scripts_may_add_methods_to_messages():
    caffe_pb2.BlobShape.product = lambda self: 6
    try:
        assert caffe_pb2.BlobShape(dim=[2, 3]).product() == 6
    finally:
        del caffe_pb2.BlobShape.product


def test_leaves_the_default_pool_to_real_pycaffe():
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("caffe.NetParameter")
