import pytest
from google.protobuf import text_format

from fcn_repro.drawing.net_diagram.graph import Arrow, build_graph
from fcn_repro.engine import caffe


def drawn(text: str, phase: int = 0):
    return build_graph(text_format.Parse(text, caffe.proto.caffe_pb2.NetParameter()), phase)


CHAIN = """
    layer { name: "data" type: "Python" top: "data" top: "label" python_param { layer: "VOCSegDataLayer" } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
            convolution_param { num_output: 9 kernel_size: 3 } }
    layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
    layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" dropout_param { dropout_ratio: 0.4 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv" bottom: "label" top: "loss" }"""


def test_in_place_layers_are_written_into_the_box_before_them_and_arrows_name_one_of_several_blobs():
    chain = drawn(CHAIN)
    assert [box.name for box in chain.boxes] == ["data", "conv", "loss"]
    assert chain.boxes[1].lines == ["Convolution · 3x3 · 9 out", "ReLU · Dropout 0.4"]
    assert chain.arrows == [Arrow(0, 1, "data"), Arrow(1, 2), Arrow(0, 2, "label")]
    pooling = 'layer { type: "Pooling" pooling_param { kernel_size: 2 } }'
    families = [box.family for box in drawn(pooling + 'layer { type: "Python" } layer { type: "Tile" }').boxes]
    assert families == ["pooling", "data", "other"]


def test_layers_of_another_phase_are_left_out():
    text = """layer { name: "a" type: "Input" top: "a" include { phase: TRAIN } }
              layer { name: "b" type: "Input" top: "b" exclude { phase: TRAIN } }
              layer { name: "c" type: "Input" top: "c" include { phase: TEST } include { phase: TRAIN } }"""
    assert [box.name for box in drawn(text, caffe.TRAIN).boxes] == ["a", "c"]
    assert [box.name for box in drawn(text, caffe.TEST).boxes] == ["b", "c"]


@pytest.mark.parametrize(
    ("layer", "facts"),
    [
        ('type: "Convolution" convolution_param { num_output: 64 kernel_size: 7 pad: 100 stride: 2 group: 2 }',
         "Convolution · 7x7 · 64 out · pad 100 · stride 2 · group 2"),
        ('type: "Convolution" convolution_param { num_output: 2 kernel_size: 1 kernel_size: 3 pad: 0 pad: 1 }',
         "Convolution · 1x3 · 2 out · pad 0x1"),
        ('type: "Deconvolution" param { lr_mult: 0 } convolution_param { num_output: 21 kernel_size: 4 stride: 2 }',
         "Deconvolution · 4x4 · 21 out · stride 2 · frozen"),
        ('type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }',
         "Pooling · ave · 3x3 · pad 1 · stride 2"),
        ('type: "Pooling" pooling_param { kernel_h: 1 kernel_w: 4 }', "Pooling · max · 1x4"),
        ('type: "Pooling" pooling_param { global_pooling: true }', "Pooling · max · the whole image"),
        ('type: "Crop" crop_param { axis: 2 offset: 19 }', "Crop · offset 19"),
        ('type: "Eltwise"', "Eltwise · sum"),
        ('type: "Scale" scale_param { filler { value: 0.01 } } param { lr_mult: 0 }', "Scale · 0.01 · frozen"),
        ('type: "InnerProduct" inner_product_param { num_output: 1000 }', "InnerProduct · 1000 out"),
        ('type: "Input" input_param { shape { dim: 1 dim: 3 dim: 5 dim: 7 } }', "Input · 1x3x5x7"),
        ('type: "LRN"', "LRN · size 5"),
        ('type: "SoftmaxWithLoss" loss_param { normalize: false ignore_label: 255 }',
         "SoftmaxWithLoss · sum · ignores 255"),
        ('type: "SoftmaxWithLoss" loss_weight: 0.3', "SoftmaxWithLoss · mean · weight 0.3"),
        ('type: "SoftmaxWithLoss" loss_param { normalization: NONE }', "SoftmaxWithLoss · sum"),
        ('type: "Softmax"', "Softmax"),
    ],
)  # fmt: skip
def test_a_box_names_the_facts_of_its_layer(layer: str, facts: str):
    (box,) = drawn(f'layer {{ name: "x" top: "x" {layer} }}').boxes
    assert box.facts == facts
