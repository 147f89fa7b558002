"""What is unknown in a prototxt is listed all at once, with layer, line, fork and what to do."""

from pathlib import Path

import pytest

from fcn_repro.caffe import TEST, Net
from fcn_repro.caffe.dialects.knowledge import FORKS, advise
from fcn_repro.caffe.dialects.refusals import MOST
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers import known_types
from fcn_repro.caffe.proto import caffe_pb2

MANY = """
layer { name: "data" type: "AnnotatedData" top: "data"  # SSD's
  annotated_data_param { batch_sampler { max_sample: 1 } } transform_param { crops_size: 3 mean_value: [1, 2] } }
layer { param { name: "shared" } name: "conv" type: "Convolutoin" bottom: 'data' top: "a"
  convolution_param { num_output: 3 weight_filler < typ: "x" > } pooling_param { pool: MEDIAN } }
layer { name: "relu" type: "ReLU" bottom: "a" top: "b" relu_param { negative_slope: 1 } }
layers { name: "old" type: MULTI_STAGE_MEANFIELD }
layer { type: "MultiStageMeanfield" bottom: "b" top: "c" }
"""


@pytest.fixture
def refuse(tmp_path: Path):
    def refuse(text: str) -> list[str]:
        (tmp_path / "net.prototxt").write_text(text)
        with pytest.raises(CaffeError) as caught:
            Net(str(tmp_path / "net.prototxt"), TEST)
        return str(caught.value).split("\n")

    return refuse


def test_lists_all_unknown_fields_values_and_types(refuse):
    first, _, *lines = refuse(MANY)
    assert "net.prototxt:3:" in first and 'no field named "annotated_data_param"' in first
    expected = [
        ("line 2, layer 'data' (AnnotatedData): its type is unknown", "of SSD (weiliu89/caffe)"),
        ("line 3, layer 'data' (AnnotatedData): LayerParameter has no field annotated_data_param", "of SSD"),
        ("line 3, layer 'data' (AnnotatedData): TransformationParameter has no field crops_size", "crop_size?"),
        ("line 4, layer 'conv' (Convolutoin): its type is unknown", "did you mean Convolution?"),
        ("line 5, layer 'conv' (Convolutoin): FillerParameter has no field typ", "did you mean type?"),
        ("line 5, layer 'conv' (Convolutoin): pool has no value MEDIAN", "CAFFE_PROTO"),
        ("line 7, layer 'old' (MULTI_STAGE_MEANFIELD): type has no value MULTI_STAGE_MEANFIELD", ""),
        ("line 8, layer '' (MultiStageMeanfield): its type is unknown", "of CRF-RNN (torrvision/crfasrnn)"),
    ]  # fmt: skip
    assert len(lines) == len(expected)
    for line, (start, rest) in zip(lines, expected, strict=True):
        assert line.startswith(f"  {start}; ") and rest in line


def test_lists_all_unknown_types_of_the_layers_that_the_net_would_create(refuse):
    text = """layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 } } }
              layer { name: "p" type: "PriorBox" bottom: "x" top: "y" }
              layer { name: "train" type: "MultiBoxLoss" bottom: "x" include { phase: TRAIN } }
              layer { name: "q" type: "Proposal" bottom: "x" top: "z" }"""
    first, _, *lines = refuse(text)
    assert "net.prototxt: layer 'p' has the unknown type 'PriorBox'; known types: AbsVal, " in first
    assert [line.split(":")[0] for line in lines] == [
        "  line 2, layer 'p' (PriorBox)",
        "  line 4, layer 'q' (Proposal)",
    ]


def test_a_file_of_another_format_gives_a_bounded_list(refuse):
    lines = refuse("\n".join(f"word{i}: 1" for i in range(3 * MOST)))
    assert len(lines) == MOST + 3 and lines[-1] == f"  and {2 * MOST} more"


def test_text_that_is_nested_too_deeply_is_refused(refuse):
    assert refuse("layer { unknown { a: 1 } } " + "layer { convolution_param " * 50)


@pytest.mark.parametrize("fork", FORKS, ids=lambda fork: fork.types.split()[0])
def test_what_is_called_unknown_is_unknown(fork):
    """A type or field that this project has would be advised against in vain."""
    fields = caffe_pb2.LayerParameter.DESCRIPTOR.fields_by_name
    assert not {*fork.types.split()} & {*known_types()}
    assert not {*fork.fields.split()} & {*fields}
    assert all(fork.name in advise(word) for word in fork.types.split()[:1])
