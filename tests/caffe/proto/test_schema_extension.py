"""Schemas of forks and users: what a .proto file adds, and what it may not."""

from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.schema_extension import extend

FOLDER = Path(caffe_pb2.__file__).parent
FORK = """
syntax = "proto2";   // a fork's own file, with what Caffe has too
package caffe;
message LayerParameter {
  optional string name = 1;
  optional GateParameter gate_param = 150;      /* free */
  repeated GateParameter.Kind kinds = 143;      // Caffe's input_param has this number
  optional float scale_by = 143 [default = -1.5e-3, deprecated = true];
}
message GateParameter {
  enum Kind { SOFT = 0; HARD = 0x1; }
  message Part { optional Kind kind = 1 [default = HARD]; }
  optional Part part = 1;
  optional string label = 2 [default = "a;b"];
  required FillerParameter filler = 3;
  repeated float steps = 4 [packed = true];
  reserved 5, 6;
}
message PoolingParameter { enum PoolMethod { MAX = 0; LP = 1; } }
"""


def build(tmp_path: Path, text: str):
    (tmp_path / "fork.proto").write_text(text)
    schema = FileDescriptorSet.FromString((FOLDER / "caffe.desc").read_bytes()).file[0]
    extend(schema, tmp_path / "fork.proto")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(schema.SerializeToString())
    return pool.FindFileByName("caffe.proto").message_types_by_name


def test_adds_fields_messages_and_enum_values(tmp_path: Path):
    messages = build(tmp_path, FORK)
    fields = messages["LayerParameter"].fields_by_name
    assert [fields[name].number for name in ("name", "input_param", "gate_param")] == [1, 143, 150]
    gate = fields["gate_param"].message_type.fields_by_name
    part = gate["part"].message_type.fields_by_name["kind"]
    assert (part.default_value, part.enum_type.name) == (1, "Kind")
    assert (gate["label"].default_value, gate["filler"].message_type.name) == ("a;b", "FillerParameter")
    assert gate["steps"].GetOptions().packed and gate["filler"].is_required
    assert fields["scale_by"].default_value == pytest.approx(-1.5e-3)


def test_a_number_that_caffe_or_an_earlier_field_has_moves(tmp_path: Path):
    messages = build(tmp_path, FORK)
    fields = messages["LayerParameter"].fields_by_name
    assert (fields["kinds"].number, fields["scale_by"].number) == (10143, 10144)
    methods = messages["PoolingParameter"].enum_types_by_name["PoolMethod"].values_by_name
    assert {name: value.number for name, value in methods.items()} == {"MAX": 0, "AVE": 1, "STOCHASTIC": 2, "LP": 10001}


def test_caffes_own_file_adds_nothing(tmp_path: Path):
    messages = build(tmp_path, (FOLDER / "caffe.proto").read_text())
    assert (len(messages), sum(len(message.fields) for message in messages.values())) == (63, 423)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("message A { optional Missing b = 1; }", r"A\.b has the type Missing; expected"),
        ("message A {\n optional int32 b = x; }", r"fork\.proto:2: got 'x', expected a number"),
        ("message A { optional int32 b 1; }", "got '1', expected '='"),
        ("message A { int32 b = 1; }", "got 'int32', expected a message, an enum or a field of proto2"),
        ("message A { optional int32 b = 1;", "got 'the end of the file'"),
        ("service A {}", "got 'service'"),
    ],
)
def test_refuses_what_is_no_schema(tmp_path: Path, text: str, complaint: str):
    with pytest.raises(CaffeError, match=complaint):
        build(tmp_path, text)


def test_refuses_a_missing_schema(tmp_path: Path):
    with pytest.raises(CaffeError, match=r"Could not read the schema .*absent\.proto"):
        extend(FileDescriptorSet.FromString((FOLDER / "caffe.desc").read_bytes()).file[0], tmp_path / "absent.proto")


@pytest.mark.parametrize(
    "field, number",
    {
        "LayerParameter.bn_param": 45, "LayerParameter.interp_param": 153, "LayerParameter.norm_param": 206,
        "LayerParameter.permute_param": 202, "LayerParameter.seg_accuracy_param": 154,
        "TransformationParameter.scale_factors": 8, "ImageDataParameter.label_type": 16,
        "LossParameter.class_weighting": 4, "DropoutParameter.sample_weights_test": 2, "UpsampleParameter.scale": 1,
    }.items(),
)  # fmt: skip
def test_forks_fields_have_the_forks_numbers_where_caffe_leaves_them_free(field: str, number: int):
    message, name = field.split(".")
    assert getattr(caffe_pb2, message).DESCRIPTOR.fields_by_name[name].number == number
