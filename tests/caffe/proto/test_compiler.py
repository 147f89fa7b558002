import pytest

from fcn_repro.caffe.proto.compiler import SchemaError, compile_schema

HEAD = 'syntax = "proto2"; package p;\n'


def test_nested_enum_wins_over_a_top_level_one():
    file = compile_schema(HEAD + "enum E { A = 0; } message M { enum E { B = 1; } optional E e = 1; }", "m.proto")
    assert file.message_type[0].field[0].type_name == ".p.M.E"


def test_a_message_may_be_used_before_it_is_declared():
    file = compile_schema(HEAD + "message A { repeated B b = 3; } message B { }", "m.proto")
    assert file.message_type[0].field[0].type_name == ".p.B"
    assert file.message_type[0].field[0].number == 3


def test_comments_and_slashes_in_strings_are_told_apart():
    file = compile_schema(HEAD + 'message M { optional string s = 1 [default = "a//b"]; } // message N {', "m.proto")
    assert file.message_type[0].field[0].default_value == "a//b"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("message M {\n  optional Nothing n = 1;\n}", r"M\.n has the undeclared type 'Nothing'"),
        (
            "message M {\n  maybe int32 n = 1;\n}",
            r"line 3: found 'maybe', expected enum or optional or repeated or req",
        ),
        ("message M {\n  optional int32 n = one;\n}", r"line 3: found 'one', expected a number"),
        ("message M {\n  optional int32 n = 1 [lazy = true];\n}", r"line 3: found 'lazy', expected default or packed"),
        ("service S { }", r"line 2: found 'service', expected message or enum"),
        ("message M {", r"the schema ends after '{'"),
        ("message M { @ }", r"line 2: found the character '@'"),
    ],
)
def test_refuses_what_it_does_not_know(text: str, complaint: str):
    with pytest.raises(SchemaError, match=complaint):
        compile_schema(HEAD + text, "m.proto")
