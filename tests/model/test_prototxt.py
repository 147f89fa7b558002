"""Prototxts are read in any encoding, and binary files are refused."""

import pytest

from fcn_repro.model.prototxt import read_net, read_solver

NET = 'layer { name: "d" type: "DummyData" top: "d" dummy_data_param { shape { dim: 1 } } }\n'


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "utf-8-sig", "big5"])
def test_comments_may_have_any_encoding(tmp_path, encoding):
    (tmp_path / "net.prototxt").write_bytes(f"# \u8a13\n{NET}".encode(encoding))
    (tmp_path / "solver.prototxt").write_bytes('# \u8a13\nnet: "a.prototxt" base_lr: 0.5\n'.encode(encoding))
    assert [layer.name for layer in read_net(tmp_path / "net.prototxt").layer] == ["d"]
    assert read_solver(tmp_path / "solver.prototxt").base_lr == 0.5


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\x0a\xff\xfe\x00", "byte 1 is not UTF-8; expected a prototxt of a NetParameter"),
        (NET.encode() + b"layers", r"2:7 .*; expected a prototxt of a NetParameter"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content, complaint):
    (tmp_path / "net.prototxt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"net\.prototxt: ?{complaint}"):
        read_net(tmp_path / "net.prototxt")
