import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, prototxt


def parse(text: str):
    return prototxt.parse(text, caffe_pb2.NetParameter, "net.prototxt")


def test_reads_back_what_it_writes(tmp_path):
    net = parse('name: "n" layer { name: "c" type: "Convolution" convolution_param { pad: 1 kernel_size: 3 } }')
    prototxt.write(net, tmp_path / "net.prototxt")
    assert prototxt.read(tmp_path / "net.prototxt", caffe_pb2.NetParameter) == net


@pytest.mark.parametrize(
    "text",
    [
        "layer { pooling_param { pool: AVE } } force_backward: true name: 'ab'",
        "layer: { pooling_param: { pool: 1 } }  # the enum's number, colons\n force_backward: t name: 'a' \"b\"",
        'layer { pooling_param { pool: AVE; }, } force_backward: 1 name: "ab"',
        "layer [{ pooling_param < pool: AVE > }] force_backward: true name: 'a' 'b'",
    ],
)
def test_spellings_of_one_message_are_equal(text: str):
    expected = caffe_pb2.NetParameter(name="ab", force_backward=True)
    expected.layer.add().pooling_param.pool = caffe_pb2.PoolingParameter.AVE
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('layer {\n  nane: "x"\n}', r"""net\.prototxt:2:3: not a NetParameter prototxt: .*"nane".* In: 'nane: "x"'"""),
        ('layer {\n  name: "x"\n  name: "y"\n}', r"net\.prototxt:3:\d+: .*should not have multiple \"name\""),
        ("layer {\n  convolution_param { pad: -1 }\n}", r"net\.prototxt:2:\d+: .*-1"),
        ("layer {\n  pooling_param { pool: MEAN }\n}", r"net\.prototxt:2:\d+: .*MEAN"),
        ("name: 'unfinished", r"net\.prototxt:1:7: "),
        ("layer {", r"net\.prototxt:1:\d+: "),
        (
            "layer { clip_param { min: 0 } }",
            r"net\.prototxt: NetParameter lacks the required layer\[0\].clip_param.max",
        ),
    ],
)
def test_refuses_malformed_text_and_points_at_it(text: str, complaint: str):
    with pytest.raises(CaffeError, match=complaint):
        parse(text)


def test_refuses_a_missing_file_and_a_binary_file(tmp_path):
    with pytest.raises(CaffeError, match=r"Could not open file .*absent\.prototxt: No such file"):
        prototxt.read_net(tmp_path / "absent.prototxt")
    (tmp_path / "net.caffemodel").write_bytes(b"\x0a\x03vgg\xff\xfe")
    with pytest.raises(CaffeError, match="byte 5 is not UTF-8 text; expected a NetParameter prototxt"):
        prototxt.read_net(tmp_path / "net.caffemodel")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.prototxt"
    path.write_text("name: 'old'")

    def full_disk(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        prototxt.write(caffe_pb2.NetParameter(name="new"), path)
    assert [path.name for path in tmp_path.iterdir()] == ["net.prototxt"]
    assert path.read_text() == "name: 'old'"


def test_nets_are_upgraded_as_they_are_read(tmp_path):
    (tmp_path / "v1.prototxt").write_text('layers { name: "r" type: RELU }')
    assert prototxt.read_net(tmp_path / "v1.prototxt").layer[0].type == "ReLU"


def test_snapshots_are_written_beside_the_solver_by_default(tmp_path):
    path = tmp_path / "lenet.prototxt"
    path.write_text("base_lr: 0.1")
    assert prototxt.read_solver(path).snapshot_prefix == str(tmp_path / "lenet")
    path.write_text(f"snapshot_prefix: '{tmp_path}'")
    assert prototxt.read_solver(path).snapshot_prefix == str(tmp_path / "lenet")
    path.write_text(f"snapshot_prefix: '{tmp_path}/train'")
    assert prototxt.read_solver(path).snapshot_prefix == str(tmp_path / "train")
