"""Weights from elsewhere, on a small net like VGG-16."""

import io
import os
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.exchange import onnx_files, torchvision_vgg16
from tests.fixtures.export_nets import SMALL_VGG

MEAN_BGR = (104.00699, 116.66877, 122.67892)


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.prototxt").write_text(SMALL_VGG)
    return caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)


@pytest.fixture
def trained():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 64, 4))


@pytest.fixture
def pth(trained, tmp_path):
    torch.save(trained.state_dict(), tmp_path / "small.pth")
    return tmp_path / "small.pth"


def computed(net: caffe.Net, pixels_rgb: np.ndarray) -> np.ndarray:
    net.blobs["data"].data[0] = pixels_rgb[::-1] - np.float32(MEAN_BGR)[:, None, None]
    net.forward(end="conv1_1")
    return net.blobs["conv1_1"].data[0].copy()


def expected(trained: nn.Module, pixels_rgb: np.ndarray) -> np.ndarray:
    mean, std = (
        torch.tensor(values)[:, None, None]
        for values in (torchvision_vgg16.TORCHVISION.mean, torchvision_vgg16.TORCHVISION.std)
    )
    with torch.inference_mode():
        return trained[0]((torch.from_numpy(pixels_rgb) / 255 - mean) / std).numpy()


def test_folded_weights_compute_from_caffes_images_what_the_originals_compute_from_torchvisions(net, trained, pth):
    torchvision_vgg16.set_weights(net, pth, torchvision_vgg16.read_layers(pth))
    torchvision_vgg16.fold_preprocessing(net, "conv1_1", torchvision_vgg16.TORCHVISION, MEAN_BGR)
    pixels_rgb = np.random.default_rng(0).uniform(0, 255, (3, 8, 8)).astype(np.float32)
    found, wanted = computed(net, pixels_rgb), expected(trained, pixels_rgb)
    np.testing.assert_allclose(found[:, 1:-1, 1:-1], wanted[:, 1:-1, 1:-1], atol=1e-5)
    # At the border the two means that zeros stand for are 0.02 apart, in units of the standard deviation.
    border = abs(found - wanted)
    assert 1e-4 < border.max() < 0.02 * 9 * 3 * abs(trained[0].weight.detach().numpy()).max()


def test_weights_for_caffes_images_stay(net, trained, pth):
    torchvision_vgg16.set_weights(net, pth, torchvision_vgg16.read_layers(pth))
    for name, layer in (("conv1_1", trained[0]), ("fc6", trained[3])):
        assert np.array_equal(net.params[name][0].data, layer.weight.detach().numpy())
        assert np.array_equal(net.params[name][1].data, layer.bias.detach().numpy())


@pytest.mark.parametrize("transposed", [True, False])
def test_onnx_files_hold_the_same(trained, pth, transposed, tmp_path):
    helper, numpy_helper = (getattr(onnx_files.import_package("onnx"), name) for name in ("helper", "numpy_helper"))
    arrays = {name: tensor.numpy() for name, tensor in trained.state_dict().items()}
    if not transposed:
        arrays["3.weight"] = arrays["3.weight"].T
    nodes = [
        helper.make_node("Conv", ["x", "0.weight", "0.bias"], ["a"], pads=[1] * 4),
        helper.make_node("Flatten", ["a"], ["b"]),
        helper.make_node("Gemm", ["b", "3.weight", "3.bias"], ["y"], transB=int(transposed)),
    ]
    initializers = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in arrays.items()]
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], initializers[::-1]))
    (tmp_path / "small.onnx").write_bytes(model.SerializeToString())
    for mine, theirs in zip(
        torchvision_vgg16.read_layers(tmp_path / "small.onnx"), torchvision_vgg16.read_layers(pth), strict=True
    ):
        assert np.array_equal(mine[0], theirs[0]) and np.array_equal(mine[1], theirs[1])


def refused(net, arrays, tmp_path, complaint):
    path = tmp_path / "other.pth"
    torch.save({name: torch.as_tensor(array) for name, array in arrays.items()}, path)
    with pytest.raises(DataError, match=complaint):
        torchvision_vgg16.set_weights(net, path, torchvision_vgg16.read_layers(path))


def test_weights_of_other_nets_are_refused_with_the_reason(net, trained, tmp_path):
    arrays = dict(trained.state_dict())
    refused(net, {"0.weight": torch.zeros(64, 3, 11, 11)}, tmp_path, "torchvision's AlexNet.*64 filters")
    refused(net, {**arrays, "1.running_mean": torch.zeros(5)}, tmp_path, "vgg16_bn")
    refused(net, {"0.weight": arrays["0.weight"]}, tmp_path, r"1 layers with weights, .*expected VGG-16's 2")
    refused(net, {**arrays, "3.weight": torch.zeros(7, 320)}, tmp_path, r"\[7, 320\] where fc6 has \[4, 320\]")
    refused(net, {**arrays, "3.weight": torch.full((4, 320), torch.nan)}, tmp_path, "fc6 hold NaN or infinity.*V1")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("kind", ["pickle", "torch", "text"])
def test_no_code_in_a_file_runs(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = io.BytesIO()
    if kind == "torch":
        torch.save({"0.weight": Evil()}, content)
    path = tmp_path / "evil.pth"
    path.write_bytes({"pickle": pickle.dumps(Evil()), "torch": content.getvalue(), "text": b"hello"}[kind])
    with pytest.raises(DataError, match=r"evil\.pth: .*expected a state_dict"):
        torchvision_vgg16.read_layers(path)
    assert not (tmp_path / "pwned").exists()


def test_a_file_in_another_format_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"x\.onnx: .*expected an ONNX file that contains its weights"):
        torchvision_vgg16.read_layers(tmp_path / "x.onnx")
