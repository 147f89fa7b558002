"""Unpacking writes the selected members, and nothing outside of their folders."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

from fcn_repro.datasets.download.unpack import unpack
from fcn_repro.errors import DataError

FILES = {"top/readme": b"no", "top/a/1.txt": b"one", "top/a/deep/2.txt": b"two" * 9, "top/list": b"3", "b/1.txt": b"4"}


def make_tar(path, files, mode="w:gz", **odd):
    with tarfile.open(str(path), mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, kind in odd.items():
            info = tarfile.TarInfo(f"top/a/{name}")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    return path


def make_zip(path, files):
    with zipfile.ZipFile(str(path), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(params=["w", "w:gz", "w:bz2", "w:xz", "zip"])
def archive(request, tmp_path):
    path = tmp_path / "archive"
    return make_zip(path, FILES) if request.param == "zip" else make_tar(path, FILES, request.param)


def test_writes_selected_folders_and_files_only(archive, tmp_path):
    out = tmp_path / "out"
    unpack(archive, {"top/a/": out / "x", "top/list": out / "renamed"})
    assert tree(out) == {"x/1.txt": b"one", "x/deep/2.txt": b"two" * 9, "renamed": b"3"}


def test_looks_for_a_starred_key_at_the_top_and_within_any_one_folder(archive, tmp_path):
    unpack(archive, {"*/a/": tmp_path / "x", "*/b/": tmp_path / "y"})
    assert tree(tmp_path / "x") == {"1.txt": b"one", "deep/2.txt": b"two" * 9}
    assert tree(tmp_path / "y") == {"1.txt": b"4"}
    with pytest.raises(DataError, match=r"no member \*/deep/"):
        unpack(archive, {"*/deep/": tmp_path / "z"})


def test_names_a_place_that_the_archive_lacks(archive, tmp_path):
    with pytest.raises(DataError, match="archive: no member top/img/; expected top/a/, top/img/"):
        unpack(archive, {"top/a/": tmp_path / "x", "top/img/": tmp_path / "y"})


def test_puts_back_what_is_missing_or_cut_short_and_leaves_the_rest_alone(archive, tmp_path):
    out = tmp_path / "out"
    unpack(archive, {"top/a/": out})
    (out / "1.txt").write_bytes(b"ONE")  # a file of the right size is taken for done
    (out / "deep" / "2.txt").write_bytes(b"tw")
    unpack(archive, {"top/a/": out})
    assert tree(out) == {"1.txt": b"ONE", "deep/2.txt": b"two" * 9}


def test_reads_members_that_begin_with_a_dot(tmp_path):
    unpack(make_tar(tmp_path / "archive", {"./top/a/1.txt": b"one"}), {"top/a/": tmp_path / "out"})
    assert tree(tmp_path / "out") == {"1.txt": b"one"}


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.parametrize(
    "name", ["top/a/../../../escaped", "top/a//etc/escaped", "top/a/..", "top/a/./x", "top/a/b\\..\\c"]
)
def test_refuses_members_that_leave_their_place(tmp_path, make, name):
    folder = tmp_path / "one" / "two"
    folder.mkdir(parents=True)
    with pytest.raises(DataError, match="leaves its folder; expected plain files only"):
        unpack(make(folder / "archive", {"top/a/ok": b"", name: b"x"}), {"top/a/": folder / "out"})
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE], ids=repr
)
def test_refuses_links_and_devices(tmp_path, kind):
    archive = make_tar(tmp_path / "archive", {"top/a/1.txt": b"one"}, odd=kind)
    with pytest.raises(DataError, match="member 'top/a/odd' is a link or a device"):
        unpack(archive, {"top/a/": tmp_path / "out"})
    assert not (tmp_path / "out" / "odd").exists()


def test_refuses_links_in_zip_archives_and_ignores_members_that_it_was_not_asked_for(tmp_path):
    link = zipfile.ZipInfo("top/a/link")
    link.external_attr = 0o120777 << 16
    with pytest.raises(DataError, match="member 'top/a/link' is a link or a device"):
        unpack(make_zip(tmp_path / "archive", {link: b"/etc/passwd"}), {"top/a/": tmp_path / "out"})
    archive = make_tar(tmp_path / "archive", {"b/1.txt": b"4"}, odd=tarfile.SYMTYPE)
    unpack(archive, {"b/": tmp_path / "out"})
    assert tree(tmp_path / "out") == {"1.txt": b"4"}


@pytest.mark.parametrize(
    "files", [{"top/a/1": bytes(600), "top/a/2": bytes(600)}, {"other": bytes(900), "top/a/1": bytes(200)}]
)
def test_stops_at_the_limit_which_counts_members_that_it_was_not_asked_for(tmp_path, files):
    archive = make_tar(tmp_path / "archive", files)
    with pytest.raises(DataError, match="unpacks to more than the limit of 1000 bytes"):
        unpack(archive, {"top/a/": tmp_path / "out"}, limit_bytes=1000)
    assert sum(len(content) for content in tree(tmp_path / "out").values()) <= 1000


@pytest.mark.parametrize("mode", ["w", "w:gz", "zip"])
def test_refuses_an_archive_cut_off_inside_and_leaves_no_half_file(tmp_path, mode):
    files = {"top/a/1": os.urandom(30_000), "top/a/2": os.urandom(30_000)}
    path = tmp_path / "archive"
    whole = (make_zip(path, files) if mode == "zip" else make_tar(path, files, mode)).read_bytes()
    for end in (0, 10, 700, 20_000, 45_000, 59_000):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="archive: damaged, or not a tar or zip archive"):
            unpack(path, {"top/a/": tmp_path / "out"})
        assert all(content in files.values() for content in tree(tmp_path / "out").values())


def raw_tar(path, *infos):
    with gzip.open(path, "wb") as file:
        for info in infos:
            file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 10))
    return path


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        *(
            (kind, 1 << 33, "damaged.*a header of 8589934592 bytes")
            for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)
        ),
        (tarfile.GNUTYPE_SPARSE, 0, "is a link or a device|damaged"),
    ],
)
def test_reads_no_name_of_gigabytes_into_memory_and_no_sparse_file(tmp_path, kind, size, message):
    info = tarfile.TarInfo("top/a/1")
    info.type, info.size = kind, size
    with pytest.raises(DataError, match=message):
        unpack(raw_tar(tmp_path / "archive", info), {"top/a/": tmp_path / "out"})


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.parametrize("names", [("top/a/x", "top/a/x/y"), ("top/a/x/y", "top/a/x")])
def test_refuses_a_member_in_the_place_of_another(tmp_path, make, names):
    archive = make(tmp_path / "archive", {names[0]: b"one", names[1]: b"two!"})
    with pytest.raises(DataError, match="archive: member 'top/a/x.*' collides with another"):
        unpack(archive, {"top/a/": tmp_path / "out"})
