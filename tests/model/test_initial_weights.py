"""Initial weights from one source, from one with altered layers, and from one per trunk."""

import numpy as np
import pytest

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import surgery
from fcn_repro.model.initial_weights import initialise
from fcn_repro.model.run_folder import RunFolder, classifier_weights, prototxt_of


def layer(name: str, bottom: str, outputs: int, kernel: int = 1, filler: str = "constant", kind: str = "Convolution"):
    bias = "bias_term: false" if kind == "Deconvolution" else ""
    return f"""layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" convolution_param {{
      num_output: {outputs} kernel_size: {kernel} {bias} weight_filler {{ type: "{filler}" }} }} }}
    """


def inputs(**channels: int) -> str:
    return "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ dim: [1, {c}, 20, 20] }} }} }}\n'
        for name, c in channels.items()
    )


TRUNK = layer("conv1_1", "data", 4, 3, "xavier") + layer("fc6", "conv1_1", 5, 7, "xavier")


@pytest.fixture
def net(tmp_path, monkeypatch):
    """Build a net, in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def build(text: str):
        (tmp_path / "net.prototxt").write_text(text)
        return caffe.Net("net.prototxt", caffe.TEST)

    return build


def trained(run: str, text: str, bias: float = 0.5):
    """Write the weights and the prototxt of a run or a convolutionalised classifier; returns the net and the file."""
    weights = classifier_weights(run) if run.endswith("-fcn") else RunFolder(run).final
    prototxt_of(weights).parent.mkdir(parents=True)
    prototxt_of(weights).write_text(text)
    net = caffe.Net(str(prototxt_of(weights)), caffe.TEST)
    for blobs in net.params.values():
        if len(blobs) > 1:
            blobs[1].data[...] = bias
    surgery.save(net, weights)
    return net, weights


def same(one, other) -> bool:
    return all(np.array_equal(a.data, b.data) for a, b in zip(one, other, strict=True))


def test_the_net_of_weights_is_the_runs_or_the_converted_classifiers():
    assert prototxt_of(RunFolder("voc-fcn32s").final).as_posix() == "build/voc-fcn32s/deploy.prototxt"
    assert prototxt_of(classifier_weights("vgg16-fcn")).as_posix() == "build/ilsvrc/vgg16-fcn/deploy.prototxt"


def test_each_trunk_has_the_weights_of_the_net_before_it(net):
    color, color_file = trained("nyud-fcn32s-color", inputs(data=3) + TRUNK, bias=1)
    hha, hha_file = trained("nyud-fcn32s-hha", inputs(data=3) + TRUNK, bias=2)
    streams = [
        TRUNK.replace('"data"', f'"{s}"').replace("conv1_1", f"conv1_1{s}").replace("fc6", f"fc6{s}") for s in "ab"
    ]
    fused = net(inputs(a=3, b=3) + "".join(streams))
    initialise(fused, {"a": color_file, "b": hha_file})
    for name in ("conv1_1", "fc6"):
        assert same(fused.params[f"{name}a"], color.params[name])
        assert same(fused.params[f"{name}b"], hha.params[name])
        assert not same(fused.params[f"{name}a"], fused.params[f"{name}b"])


def test_a_layer_with_a_depth_channel_starts_from_the_layer_in_its_name(net):
    vgg, file = trained("vgg16-fcn", inputs(data=3) + TRUNK)
    early = net(inputs(data=4) + TRUNK.replace("conv1_1", "conv1_1_bgrd"))
    initialise(early, {"": file})
    found, original = early.params["conv1_1_bgrd"], vgg.params["conv1_1"]
    assert np.array_equal(found[0].data[:, :3], original[0].data)
    np.testing.assert_allclose(found[0].data[:, 3], original[0].data.mean(1), rtol=1e-6)
    assert np.array_equal(found[1].data, original[1].data)
    assert same(early.params["fc6"], vgg.params["fc6"])


def test_wide_layers_start_from_the_narrow_ones_in_the_source(net):
    narrow, file = trained("voc-narrow", inputs(data=3) + TRUNK.replace('name: "fc6"', 'name: "fc6_narrow"'))
    wide = net(inputs(data=3) + TRUNK.replace("num_output: 5", "num_output: 9"))
    initialise(wide, {"": file})
    assert np.array_equal(wide.params["fc6"][0].data[:5], narrow.params["fc6_narrow"][0].data)
    assert np.array_equal(wide.params["fc6"][1].data[:5], narrow.params["fc6_narrow"][1].data)
    assert wide.params["fc6"][0].data[5:].all()  # the filler's
    assert same(wide.params["conv1_1"], narrow.params["conv1_1"])


def test_a_kernel_of_14_cells_starts_from_that_of_7(net):
    vgg, file = trained("vgg16-fcn", inputs(data=3) + TRUNK)
    fine = net(inputs(data=3) + layer("conv1_1", "data", 4, 3) + layer("fc6_14x14", "conv1_1", 5, 14))
    initialise(fine, {"": file})
    assert np.array_equal(fine.params["fc6_14x14"][0].data[:, :, ::2, 1::2], vgg.params["fc6"][0].data / 4)


def test_a_later_stage_copies_altered_layers(net):
    early, file = trained("nyud-fcn32s-color-d", inputs(data=4) + layer("conv1_1_bgrd", "data", 4, 3, "xavier"))
    later = net(inputs(data=4) + layer("conv1_1_bgrd", "data", 4, 3))
    initialise(later, {"": file})
    assert same(later.params["conv1_1_bgrd"], early.params["conv1_1_bgrd"])


def test_trained_upsampling_is_kept_and_new_upsampling_starts_bilinear(net):
    up = layer("upscore2", "fc6", 5, 4, "xavier", "Deconvolution")
    before, file = trained("voc-fcn16s-cvpr", inputs(data=3) + TRUNK + up)
    later = net(inputs(data=3) + TRUNK + up + layer("upscore8", "upscore2", 5, 16, "constant", "Deconvolution"))
    initialise(later, {"": file})
    assert np.array_equal(later.params["upscore2"][0].data, before.params["upscore2"][0].data)
    assert later.params["upscore8"][0].data.sum() == pytest.approx(5 * 64)


@pytest.mark.parametrize(
    ("missing", "message"),
    [("final", "final.caffemodel: missing; .* make nyud-fcn32s-color"),
     ("deploy", "deploy.prototxt: missing; .*python -m tools.emit nyud-fcn32s-color")],
)  # fmt: skip
def test_a_missing_source_or_net_is_named_with_the_command_that_makes_it(net, missing, message):
    _, file = trained("nyud-fcn32s-color", inputs(data=3) + TRUNK)
    getattr(RunFolder("nyud-fcn32s-color"), missing).unlink()
    fused = net(inputs(a=3) + TRUNK.replace('"data"', '"a"').replace("conv1_1", "conv1_1a").replace("fc6", "fc6a"))
    with pytest.raises(DataError, match=message):
        initialise(fused, {"a": file})


def test_a_trunk_without_a_source_is_refused(net):
    _, file = trained("nyud-fcn32s-color", inputs(data=3) + TRUNK)
    text = inputs(a=3) + layer("conv1_1a", "a", 4, 3) + layer("fc6a", "conv1_1a", 5, 7)
    with pytest.raises(DataError, match="final.caffemodel: no weights for conv1_1a fc6a"):
        initialise(net(text), {"b": file})
