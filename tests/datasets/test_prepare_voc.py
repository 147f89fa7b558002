"""From archives in the layout of the real ones to trees that the layers read."""

import dataclasses
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from fcn_repro.datasets import DATASETS, file_readers, voc
from fcn_repro.datasets.download import fetch
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import SIZES, write_list
from tests.fixtures.shared_files import find_shared

REPOSITORY = Path(__file__).parent.parent.parent
FACTS_OF_THE_PAPER = DATASETS["voc"]
FACTS = dataclasses.replace(FACTS_OF_THE_PAPER, splits={"train": 1, "seg11valid": 2})
TRAINED_ON = "2007_000042"
LIST = Path("data/pascal/VOC2011/ImageSets/Segmentation/seg11valid.txt")


def pack(path, mode, **folders):
    """An archive of folders under other names, with further folders that must not be unpacked."""
    with tarfile.open(str(path), mode) as tar:
        for folder, name in folders.values():
            (folder / "Annotations").mkdir()
            (folder / "inst").mkdir()
            (folder / "inst" / "1.mat").write_bytes(b"an instance map")
            tar.add(str(folder), name)
    return path


@pytest.fixture
def mirror(tmp_path, voc_dir, sbdd_dir):
    write_list(sbdd_dir / "train.txt", [TRAINED_ON])
    (voc_dir / "ImageSets" / "Segmentation" / "seg11valid.txt").unlink()
    folder = tmp_path / "mirror"
    folder.mkdir()
    pack(folder / "VOCtrainval_25-May-2011.tar", "w", voc=(voc_dir, "TrainVal/VOCdevkit/VOC2011"))
    pack(folder / "benchmark.tgz", "w:gz", sbd=(sbdd_dir, "benchmark_RELEASE/dataset"))
    shutil.rmtree(str(tmp_path / "data"))
    return folder


@pytest.fixture
def repository(mirror, enter_repository):
    enter_repository(mirror)


def test_lays_out_both_trees_and_derives_seg11valid(repository):
    assert voc.prepare(FACTS) == {"train": 1, "seg11valid": 2}
    assert LIST.read_text() == "2007_000033\n2007_000061\n"
    found = {str(path) for path in Path("data").rglob("*") if path.is_file() and "downloads" not in str(path)}
    expected = {f"data/{path.stem}.csv" for path in fetch.CATALOGUES}
    expected |= {f"data/pascal/VOC2011/ImageSets/Segmentation/{name}.txt" for name in ("train", "val", "seg11valid")}
    expected |= {f"data/sbdd/dataset/{name}.txt" for name in ("train", "val")}
    for item in SIZES:
        expected |= {
            f"data/pascal/VOC2011/{part.format(item)}" for part in ("JPEGImages/{}.jpg", "SegmentationClass/{}.png")
        }
        expected |= {f"data/sbdd/dataset/{part.format(item)}" for part in ("img/{}.jpg", "cls/{}.mat")}
    assert found == expected


def test_the_layers_read_what_was_laid_out(repository, data_net):
    voc.prepare(FACTS)
    for spec, size in ((FACTS.train, SIZES[TRAINED_ON]), (FACTS.val, SIZES["2007_000033"])):
        net = data_net(spec.module, spec.layer, dict(spec.params))
        net.forward()
        assert net.blobs["data"].data.shape == (1, 3, *size)
        assert net.blobs["label"].data.shape == (1, 1, *size)


def test_asks_for_no_archive_when_all_is_there(repository, monkeypatch):
    voc.prepare(FACTS)
    shutil.rmtree("data/downloads")
    monkeypatch.setenv("MIRROR", "/nowhere")
    before = LIST.stat()
    assert voc.prepare(FACTS) == {"train": 1, "seg11valid": 2}
    after = LIST.stat()  # reading may have changed the time of access
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "lost",
    [
        "data/sbdd/dataset/cls/2007_000042.mat",
        "data/pascal/VOC2011/JPEGImages/2007_000061.jpg",
        "data/sbdd/dataset/train.txt",
        str(LIST),
    ],
)
def test_puts_back_what_was_removed(repository, lost):
    voc.prepare(FACTS)
    content = Path(lost).read_bytes()
    Path(lost).unlink()
    voc.prepare(FACTS)
    assert Path(lost).read_bytes() == content


def test_names_an_archive_without_the_files_that_its_list_names(repository, mirror):
    voc.prepare(FACTS)
    Path("data/sbdd/dataset/train.txt").write_text("2008_000001\n")
    with pytest.raises(
        DataError, match=r"img/2008_000001.jpg: missing; .*train.txt lists it, but .*benchmark.tgz lacks it"
    ):
        voc.prepare(FACTS)


def test_refuses_splits_of_another_size_than_the_papers(repository):
    with pytest.raises(DataError, match=r"data/sbdd/dataset/train.txt: got 1 images; expected 8498"):
        voc.prepare()
    with pytest.raises(DataError, match=r"seg11valid.txt: got 2 images; expected 736"):
        voc.prepare(dataclasses.replace(FACTS, splits={"train": 1, "seg11valid": 736}))
    assert not LIST.exists()


def test_seg11valid_is_vocs_val_without_what_sbd_trains_on_in_vocs_order():
    val = [f"2007_{n:06}" for n in range(1111)]
    train = [f"2007_{n:06}" for n in range(374, -8124, -1)]
    assert len(train) == 8498
    assert voc.derive_seg11valid(val, train) == val[375:] and len(val[375:]) == 736


@pytest.mark.parametrize("tool", ["fetch", "prepare"])
def test_the_tools_exit_with_3_and_no_traceback_when_an_archive_cannot_be_had(tmp_path, tool, repository_path):
    shutil.copytree(
        str(REPOSITORY / "data"),
        str(tmp_path / "data"),
        ignore=lambda folder, names: [name for name in names if not name.endswith(".csv")],
    )
    run = subprocess.run(
        [sys.executable, "-m", f"tools.{tool}", "voc"],
        cwd=str(tmp_path),
        env={**repository_path, "MIRROR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.returncode == 3
    assert "Traceback" not in run.stderr and "Fix: put " in run.stderr and "data/downloads/" in run.stderr


# ---- seg11valid from VOC 2012


@pytest.fixture
def only_2012(mirror, enter_repository):
    """A mirror without VOC 2011: its images, under VOC 2012's name, with another val."""
    voc_2012 = mirror / "2012"
    with tarfile.open(str(mirror / "VOCtrainval_25-May-2011.tar")) as tar:
        for member in tar.getmembers():
            member.name = member.name.replace("TrainVal/VOCdevkit/VOC2011", "VOC2012")
            tar.extract(member, str(voc_2012))
    (mirror / "VOCtrainval_25-May-2011.tar").rename(mirror / "2011.tar")
    write_list(voc_2012 / "VOC2012/ImageSets/Segmentation/val.txt", [*SIZES][::-1])
    with tarfile.open(str(mirror / "VOCtrainval_11-May-2012.tar"), "w") as tar:
        tar.add(str(voc_2012 / "VOC2012"), "VOCdevkit/VOC2012")
    write_list(mirror / "seg11valid.txt", ["2007_000033", "2007_000061"])
    enter_repository(mirror)


def read_val_files():
    return {
        item: [path.read_bytes() for path in voc.voc_files(LIST.parents[2], item)]
        for item in SIZES
        if item != TRAINED_ON
    }


def test_where_voc_2011_is_unavailable_the_list_is_the_references_and_the_files_are_voc_2012s(only_2012, mirror):
    assert voc.prepare(FACTS) == {"train": 1, "seg11valid": 2}
    assert LIST.read_text() == "2007_000033\n2007_000061\n"
    voc_2012 = mirror / "2012/VOC2012"
    expected = {item: [path.read_bytes() for path in voc.voc_files(voc_2012, item)] for item in read_val_files()}
    assert read_val_files() == expected
    assert not list(Path("data/pascal/VOC2011").rglob(f"{TRAINED_ON}.*"))


def test_a_finished_seg11valid_from_voc_2012_asks_for_no_archive(only_2012, monkeypatch):
    voc.prepare(FACTS)
    shutil.rmtree("data/downloads")
    shutil.rmtree("data/pascal/VOC2012")
    monkeypatch.setenv("MIRROR", "/nowhere")
    assert voc.prepare(FACTS) == {"train": 1, "seg11valid": 2}


def test_lists_of_voc_2011_decide_also_for_files_of_voc_2012(only_2012):
    write_list(LIST.with_name("val.txt"), ["2007_000061", TRAINED_ON, "2007_000033"])
    assert voc.prepare(FACTS) == {"train": 1, "seg11valid": 2}
    assert LIST.read_text() == "2007_000061\n2007_000033\n"


def test_refuses_another_list_than_the_references(only_2012):
    voc.prepare(FACTS)
    LIST.write_text("2007_000061\n2007_000033\n")
    with pytest.raises(DataError, match="seg11valid.txt: got 2 images, md5 .*; expected the reference's list"):
        voc.prepare(FACTS)


def test_names_both_years_where_neither_is_available(only_2012, mirror, monkeypatch):
    (mirror / "VOCtrainval_11-May-2012.tar").unlink()
    with pytest.raises(DataError, match="(?s)VOCtrainval_25-May-2011.tar.*VOCtrainval_11-May-2012.tar"):
        voc.prepare(FACTS)


def test_the_digest_is_that_of_the_references_list():
    items = file_readers.read_list(find_shared("data/seg11valid/seg11valid.txt"))
    voc._check_digest(LIST, items)
    assert len(items) == FACTS_OF_THE_PAPER.splits["seg11valid"]


# ---- one year's own splits, and its test split


@pytest.fixture
def years(tmp_path, voc_dir, enter_repository):
    """Archives of VOC 2012's train and val, and of both years' test images; test has no label maps."""
    lists, folder = voc_dir / "ImageSets" / "Segmentation", tmp_path / "mirror"
    folder.mkdir()
    write_list(lists / "train.txt", ["2007_000033"])
    write_list(lists / "val.txt", ["2007_000042", "2007_000061"])
    pack(folder / "VOCtrainval_11-May-2012.tar", "w", voc=(voc_dir, "VOCdevkit/VOC2012"))
    for path in (voc_dir / "SegmentationClass", voc_dir / "Annotations", voc_dir / "inst"):
        shutil.rmtree(str(path))
    for path in lists.iterdir():
        path.unlink()
    write_list(lists / "test.txt", ["2007_000042"])
    for name, inside in (("VOC2011test.tar", "Test/VOCdevkit/VOC2011"), ("VOC2012test.tar", "VOCdevkit/VOC2012")):
        with tarfile.open(str(folder / name), "w") as tar:
            tar.add(str(voc_dir), inside)
    shutil.rmtree(str(tmp_path / "data"))
    enter_repository(folder)
    return dataclasses.replace(voc.VOC2012, splits={"train": 1, "val": 2})


def test_a_year_is_trained_on_its_own_train_and_scored_on_its_own_val(years, data_net):
    assert (voc.VOC2011.splits, voc.VOC2012.splits) == ({"train": 1112, "val": 1111}, {"train": 1464, "val": 1449})
    assert voc.prepare_year(years) == {"train": 1, "val": 2}
    net = data_net(years.val.module, years.val.layer, dict(years.val.params))
    assert net.layers[0].items == ("2007_000042", "2007_000061")
    net.forward()
    with pytest.raises(DataError, match="train.txt: got 1 images; expected 1464"):
        voc.prepare_year(voc.VOC2012)


def test_a_year_whose_splits_share_an_image_is_refused(years):
    voc.prepare_year(years)
    write_list(Path("data/pascal/VOC2012/ImageSets/Segmentation/train.txt"), ["2007_000061"])
    with pytest.raises(DataError, match="2007_000061 is in train and in val"):
        voc.prepare_year(years)


@pytest.mark.parametrize("year", ["2011", "2012"])
def test_a_years_test_has_photographs_and_no_label_maps(years, year):
    facts = DATASETS[f"voc{year}"]
    assert voc.prepare_test(facts, 1) == {"test": 1}
    root = Path("data/pascal", f"VOC{year}")
    assert (root / "JPEGImages/2007_000042.jpg").is_file() and not (root / "SegmentationClass").exists()
    assert (root / "ImageSets/Segmentation/test.txt").read_text() == "2007_000042\n"


def test_test_images_that_need_an_account_are_asked_for_by_hand(years, monkeypatch):
    monkeypatch.delenv("MIRROR")
    with pytest.raises(DataError, match=r"VOC2012test\.tar: no public address.*account(.|\n)*Fix: put"):
        voc.prepare_test(DATASETS["voc2012"], 1)
