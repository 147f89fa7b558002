import struct

import numpy as np
import pytest

from fcn_repro.caffe.database import extract_features
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import small_net

lmdb = pytest.importorskip("lmdb", reason="LMDB's own library writes the databases")


def read(path) -> dict[bytes, bytes]:
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return dict(transaction.cursor())


def test_a_record_is_one_items_numbers_in_caffes_bytes(tmp_path):
    net = small_net(tmp_path)
    passes = []
    forward = net.forward
    net.forward = lambda: passes.append({n: b.copy() for n, b in forward(["conv", "ip_blob"]).items()})
    extract_features(net, ["conv", "ip_blob"], [str(tmp_path / "c"), str(tmp_path / "i")], 3, "lmdb")
    for name, folder, sizes in (
        ("conv", "c", b"\x08\x0b\x10\x08\x18\x09"),
        ("ip_blob", "i", b"\x08\x08\x10\x01\x18\x01"),
    ):
        items = np.concatenate([values[name] for values in passes])
        records = read(tmp_path / folder)
        assert list(records) == [b"%010d" % n for n in range(15)]
        for value, item in zip(records.values(), items, strict=True):
            assert value == sizes + b"".join(b"\x35" + struct.pack("<f", number) for number in item.ravel())


@pytest.mark.parametrize(
    ("blobs", "databases", "message"),
    [
        (["conv"], ["a", "b"], "got 1 blob names and 2 dataset names"),
        (["fc7"], ["a"], "Unknown feature blob name fc7; the net has data, label, conv"),
    ],
)
def test_refuses_other_names(tmp_path, blobs, databases, message):
    with pytest.raises(CaffeError, match=message):
        extract_features(small_net(tmp_path), blobs, [str(tmp_path / path) for path in databases], 1, "lmdb")
    assert [path.name for path in tmp_path.iterdir()] == ["net.prototxt"]
