import random
from pathlib import Path

import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto.lmdb_file import LmdbFile

lmdb = pytest.importorskip("lmdb", reason="LMDB's own library writes the databases")
PAGE = 4096


def write(folder: Path, records: dict[bytes, bytes], deleted: int = 1) -> Path:
    """A database with some records deleted again, so that pages are reused; returns its file."""
    with lmdb.open(str(folder), map_size=2**28) as environment:
        with environment.begin(write=True) as transaction:
            for key, value in records.items():
                transaction.put(key, value)
        if deleted > 1:
            with environment.begin(write=True) as transaction:
                for key in list(records)[::deleted]:
                    transaction.delete(key)
                    del records[key]
    return folder / "data.mdb"


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, [1]), (1, [5]), (5, [0, 3]), (700, [0, 50, 3000]), (60, [2020, 90000]), (9000, [20])]
)
@pytest.mark.parametrize("deleted", [1, 3])
def test_yields_the_values_in_the_order_of_their_keys_as_lmdbs_library_does(tmp_path, count, sizes, deleted):
    r = random.Random(count)
    records = {r.randbytes(r.choice([1, 8, 100, 400])): r.randbytes(r.choice(sizes)) for _ in range(count)}
    write(tmp_path, records, deleted)
    database = LmdbFile(str(tmp_path))
    assert database.entries == len(records)
    assert list(database.values()) == [records[key] for key in sorted(records)] == list(database.values())


def test_reads_beside_any_other_opening(tmp_path):
    write(tmp_path, {b"a": b"1"})
    with lmdb.open(str(tmp_path)) as environment, environment.begin() as transaction:
        assert list(LmdbFile(str(tmp_path)).values()) == [transaction.get(b"a")] == [b"1"]


@pytest.mark.parametrize("position", [*range(0, 40, 4), *range(PAGE, PAGE + 136, 8), 2 * PAGE + 10, 2 * PAGE + 17])
def test_a_damaged_database_is_refused_or_read_in_part(tmp_path, position):
    file = write(tmp_path, {b"%03d" % i: bytes(90) for i in range(200)})
    data = bytearray(file.read_bytes())
    for value in (0, 255, 7):
        data[position : position + 4] = bytes([value] * 4)
        file.write_bytes(data)
        try:
            assert len(list(LmdbFile(str(tmp_path)).values())) <= 200
        except CaffeError as error:
            assert "data.mdb" in str(error)


def test_pages_in_a_circle_are_refused(tmp_path):
    file = write(tmp_path, {b"%05d" % i: bytes(90) for i in range(2000)})
    data = bytearray(file.read_bytes())
    root = int.from_bytes(data[PAGE + 16 + 112 : PAGE + 16 + 120], "little")
    newer = int.from_bytes(data[16 + 112 : 16 + 120], "little")
    for number in {root, newer} - {2**64 - 1}:
        start = number * PAGE
        count = (int.from_bytes(data[start + 12 : start + 14], "little") - 16) // 2
        for index in range(count if data[start + 10] & 1 else 0):  # a branch page: let every node lead to its page
            node = start + int.from_bytes(data[start + 16 + 2 * index : start + 18 + 2 * index], "little")
            data[node : node + 6] = number.to_bytes(6, "little")
    file.write_bytes(data)
    with pytest.raises(CaffeError, match="form a circle"):
        list(LmdbFile(str(tmp_path)).values())


@pytest.mark.parametrize("content", [b"", b"text", bytes(9000)])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "data.mdb").write_bytes(content)
    with pytest.raises(CaffeError, match=r"data\.mdb: it has no valid head|Could not open the LMDB"):
        LmdbFile(str(tmp_path))
