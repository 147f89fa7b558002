import numpy as np
from PIL import Image

from fcn_repro import datasets
from fcn_repro.drawing.image_sheet import MARGIN, TITLE
from fcn_repro.engine import caffe
from fcn_repro.model.loss_heads import read_heads
from fcn_repro.training import trainer
from fcn_repro.training.prediction_sheet import draw_examples
from fcn_repro.training.recipe import Recipe
from tests.fixtures.tiny_run import SIZES, write_run


def net_of(folder):
    datasets.register()
    return caffe.Net(str(folder.val), caffe.TEST)


def test_a_row_shows_image_truth_and_prediction(tmp_path):
    folder = write_run(tmp_path)
    net = net_of(folder)
    net.params["score_fr"][1].data[1] = 5.0  # the same class everywhere
    net.params["upscore"][0].data[...] = np.eye(21)[:, :, None, None]
    page = np.asarray(draw_examples(net, read_heads(folder.val)[0], images=1)).astype(int)
    height, width = SIZES[0]
    top = 2 * MARGIN + TITLE
    original = np.asarray(Image.open(tmp_path / "VOC/JPEGImages/2011_000000.jpg")).astype(int)
    truth = np.asarray(Image.open(tmp_path / "VOC/SegmentationClass/2011_000000.png").convert("RGB"))
    assert np.abs(page[top : top + height, MARGIN : MARGIN + width] - original).max() <= 1
    found = [x for x in range(page.shape[1] - width) if np.array_equal(page[top : top + height, x : x + width], truth)]
    assert len(found) == 1
    tint = np.round(original * 0.5 + np.array([128, 0, 0]) * 0.5)
    assert any(np.abs(page[top : top + height, x : x + width] - tint).max() <= 1 for x in range(page.shape[1] - width))


def test_a_run_leaves_the_examples_of_its_best_weights_and_drawing_leaves_the_data_layer(tmp_path):
    folder = write_run(tmp_path, snapshot=1000)
    net = net_of(folder)
    net.forward()
    draw_examples(net, read_heads(folder.val)[0])
    assert net.layers[0].index == 1
    trainer.solve(folder, Recipe(1, 5))
    with Image.open(folder.examples) as page:
        assert page.height > sum(height for height, _ in SIZES)
