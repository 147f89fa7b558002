"""In a browser, a chosen layer is shown in drawing, text and facts, and sizes follow the image as in the engine."""

import pytest
from google.protobuf import text_format

from fcn_repro import caffe
from fcn_repro.analysis.net_page.page import NetSource, render_net_page
from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.browser import open_browser, requested_addresses
from tests.fixtures.fcn_nets import small_net

OWN = ("file:", "chrome:", "chrome-untrusted:")  # addresses on this machine: the page, and the browser's first tab
ODD = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 40 dim: 50 } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
        convolution_param { num_output: 4 kernel_h: 3 kernel_w: 5 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 3 } }
layer { name: "d" type: "Convolution" bottom: "c" top: "d"
        convolution_param { num_output: 4 kernel_size: 3 dilation: 2 group: 2 } }
layer { name: "relu" type: "ReLU" bottom: "d" top: "d" }
layer { name: "up" type: "Pooling" bottom: "d" top: "up" pooling_param { kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "down" type: "Pooling" bottom: "d" top: "down"
        pooling_param { kernel_size: 3 stride: 2 round_mode: FLOOR } }
layer { name: "whole" type: "Pooling" bottom: "down" top: "whole" pooling_param { global_pooling: true pool: AVE } }
layer { name: "cut" type: "Slice" bottom: "up" top: "left" top: "right" }
layer { name: "join" type: "Concat" bottom: "left" bottom: "right" top: "join" }
layer { name: "big" type: "Deconvolution" bottom: "join" top: "big"
        convolution_param { num_output: 2 kernel_size: 4 stride: 3 pad: 1 } }
layer { name: "crop" type: "Crop" bottom: "big" bottom: "down" top: "crop" crop_param { offset: 1 offset: 2 } }
"""
CLASSIFIER = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 9 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 2 } }
"""


def source(text):
    return NetSource("net", text, text_format.Parse(text, caffe_pb2.NetParameter()), caffe.TEST, {})


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def visit(browser, tmp_path):
    """Open the page of a net; afterwards nothing has been asked of any host, and the console holds no error."""

    def visit(text, size, against=None):
        path = tmp_path / "net.html"
        path.write_text(render_net_page(source(text), size, source(against) if against else None), encoding="utf-8")
        browser.get(path.as_uri())
        return browser

    yield visit
    assert [address for address in requested_addresses(browser) if not address.startswith(OWN)] == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def set_size(browser, height, width):
    for name, side in ("height", height), ("width", width):
        field = browser.find_element("id", name)
        field.clear()
        field.send_keys(str(side))


@pytest.mark.parametrize("text", [ODD, small_net("vgg16-8s", 40, 50, "deploy")], ids=["odd", "fcn8s"])
@pytest.mark.parametrize("size", [(40, 50), (61, 47), (33, 96)])
def test_sizes_are_the_engines(visit, tmp_path, text, size):
    page = visit(text, (40, 50))
    set_size(page, *size)
    found = page.execute_script("return Object.fromEntries(computeSizes())")
    (tmp_path / "net.prototxt").write_text(text)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    for name in net.inputs:
        net.blobs[name].reshape(*net.blobs[name].shape[:2], *size)
    net.reshape()
    assert found == {name: list(net.blobs[name].shape[2:]) for name in found} and len(found) > 9


def test_a_layer_is_chosen_by_its_box_its_lines_the_list_and_the_keyboard(visit):
    page = visit(ODD, (40, 50))

    def chosen():
        lines = page.find_elements("css selector", ".line.chosen code")
        box = page.find_element("css selector", "rect.chosen").get_attribute("data-layer")
        return page.find_element("id", "layer-name").text, box, lines[0].text.split('"')[1]

    box = page.find_element("css selector", 'rect[data-layer="up"]')
    box.click()
    assert chosen() == ("up",) * 3
    page.find_element("xpath", "//div[@data-line and contains(., 'round_mode')]").click()
    assert chosen() == ("down",) * 3
    page.find_element("css selector", "#choice option[value='1']").click()
    assert chosen() == ("c",) * 3
    page.execute_script("arguments[0].focus()", page.find_element("css selector", 'rect[data-layer="join"]'))
    page.switch_to.active_element.send_keys("\ue007")  # Enter
    assert chosen() == ("join",) * 3


def test_an_in_place_layer_is_shown_in_the_box_of_its_bottom(visit):
    page = visit(ODD, (40, 50))
    page.find_element("css selector", "#choice option[value='3']").click()
    assert page.find_element("id", "layer-name").text == "relu"
    assert page.find_element("css selector", "rect.chosen").get_attribute("data-layer") == "d"


def test_facts_follow_the_size(visit):
    page = visit(ODD, (40, 50))
    page.find_element("css selector", 'rect[data-layer="d"]').click()
    assert "16 × 48" in page.find_element("css selector", "tr.top").text
    set_size(page, 80, 100)
    assert "36 × 98" in page.find_element("css selector", "tr.top").text
    flop = 2 * (4 * 2 * 9) * 36 * 98  # of one image, two for each weight
    assert page.execute_script("return flopOf(layers[chosen], computeSizes())") == flop
    assert page.execute_script("return bytesOf(layers[chosen], computeSizes())") == 4 * 4 * 36 * 98


@pytest.mark.parametrize(
    ("text", "size", "message"), [(ODD, (3, 50), "no cell is left"), (CLASSIFIER, (9, 9), "fit an image of 8 x 9 only")]
)
def test_an_image_that_the_net_cannot_take_is_refused_by_the_layers_name(visit, text, size, message):
    page = visit(text, (40, 50))
    set_size(page, *size)
    assert message in page.find_element("id", "fault").text


def test_two_nets_are_marked_in_drawings_and_text(visit):
    page = visit(ODD, (40, 50), ODD.replace("stride: 3", "stride: 2").replace('name: "cut"', 'name: "old"'))
    kinds = {
        box.get_attribute("data-layer"): box.get_attribute("class")
        for box in page.find_elements("css selector", "rect[data-layer]")
    }
    assert kinds["big"] == "changed" and kinds["cut"] == "added" and kinds["old"] == "removed"
    page.find_element("id", "only-changes").click()
    shown = [line.text for line in page.find_elements("css selector", ".line") if line.is_displayed()]
    assert len(shown) == 4
