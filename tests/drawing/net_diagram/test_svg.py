from xml.etree import ElementTree

import pytest
from google.protobuf import text_format

from fcn_repro.drawing.net_diagram.graph import build_graph
from fcn_repro.drawing.net_diagram.layout import place_graph
from fcn_repro.drawing.net_diagram.png import SCALE, render_png
from fcn_repro.drawing.net_diagram.shapes import COLOURS, Rectangle, Text, make_sheet, measure_box, measure_text
from fcn_repro.drawing.net_diagram.svg import render_svg
from fcn_repro.engine import caffe

NET = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
    layer { name: "a<b>&c" type: "Convolution" bottom: "data" top: "conv"
            convolution_param { num_output: 2 kernel_size: 3 } }
    layer { name: "up" type: "Deconvolution" bottom: "conv" top: "up"
            convolution_param { num_output: 2 kernel_size: 3 } }
    layer { name: "score" type: "Crop" bottom: "up" bottom: "data" top: "score" crop_param { offset: 0 } }"""


@pytest.fixture(scope="module")
def page():
    net = text_format.Parse(NET, caffe.proto.caffe_pb2.NetParameter())
    return make_sheet(place_graph(build_graph(net, 0), measure_box), "a title")


def test_svg_is_well_formed_and_has_every_text(page):
    root = ElementTree.fromstring(render_svg(page))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "a title"
    for text in ("data", "a<b>&c", "Convolution · 3x3 · 2 out", "Crop · offset 0", "score"):
        assert text in texts
    assert (root.get("width"), root.get("height")) == (f"{page.width:.0f}", f"{page.height:.0f}")


def test_everything_lies_on_the_page(page):
    for shape in page.shapes:
        if isinstance(shape, Rectangle):
            assert 0 < shape.x and shape.x + shape.width < page.width
            assert 0 < shape.y and shape.y + shape.height < page.height


def test_text_fits_its_box(page):
    boxes = [shape for shape in page.shapes if isinstance(shape, Rectangle)]
    for text in (shape for shape in page.shapes if isinstance(shape, Text) and shape.anchor == "middle"):
        (box,) = [
            box for box in boxes if abs(box.x + box.width / 2 - text.x) < 1 and box.y < text.y < box.y + box.height
        ]
        assert measure_text(text.text, text.size) < box.width


def test_the_legend_names_the_families_of_the_diagram_only(page):
    legend = {shape.text for shape in page.shapes if isinstance(shape, Text) and shape.anchor == "start"}
    assert legend == {"a title", "data", "convolution", "upsampling", "crop"}


def test_png_has_the_pages_boxes_in_their_colours(page):
    image = render_png(page)
    assert image.size == (round(page.width * SCALE), round(page.height * SCALE))
    boxes = [shape for shape in page.shapes if isinstance(shape, Rectangle)]
    for box in boxes[-4:]:
        corner = image.getpixel((round((box.x + 4) * SCALE), round((box.y + 6) * SCALE)))
        assert "#{:02x}{:02x}{:02x}".format(*corner) == box.fill
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_no_two_families_share_a_colour():
    fills = [fill for fill, _ in COLOURS.values()]
    assert len(set(fills)) == len(fills)
