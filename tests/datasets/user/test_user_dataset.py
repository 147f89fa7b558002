"""User data sets: facts, data layer, and the errors of the layer."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets.file_readers import UnknownLabels
from fcn_repro.datasets.user import converted_labels, registry, user_dataset
from fcn_repro.datasets.user.class_list import read_classes
from fcn_repro.datasets.user.folder_layout import find_layout
from fcn_repro.datasets.user.registry import LabelForm
from fcn_repro.errors import DataError
from fcn_repro.inference.segmenter import to_photo

PLAIN = LabelForm()
RNG = np.random.RandomState(0)
IMAGES = {name: RNG.randint(0, 256, (6 + n, 9, 3), dtype=np.uint8) for n, name in enumerate("abcde")}
LABELS = {name: RNG.choice([0, 1, 2, 255], image.shape[:2]).astype(np.uint8) for name, image in IMAGES.items()}


@pytest.fixture
def note(tmp_path, monkeypatch):
    """A data set called cells, adopted; the working directory is where its folder lies."""
    monkeypatch.chdir(tmp_path)
    for folder in ("cells/images", "cells/labels"):
        (tmp_path / folder).mkdir(parents=True)
    for name in IMAGES:
        Image.fromarray(IMAGES[name]).save(f"cells/images/{name}.png")
        Image.fromarray(LABELS[name]).save(f"cells/labels/{name}.png")
    (tmp_path / "classes.txt").write_text("background\ncell\nwall\n")
    return register(tmp_path)


def register(root, form=PLAIN):
    """Register the folder, with a form of label maps."""
    layout, classes = find_layout(root / "cells"), read_classes(root / "classes.txt")
    note, splits = user_dataset.scan_folder(layout, classes, "cells", "voc-fcn8s", form)
    user_dataset.write(note, splits)
    return note


@pytest.fixture
def serve(note, data_net):
    def serve(split="val"):
        params = {"data_set": "cells", "split": split, "mean": (1.5, 2.5, 3.5), "seed": 1337}
        return data_net("adopted_layers", "AdoptedSegDataLayer", params)

    return serve


def test_a_note_is_read_as_it_was_written(note):
    assert registry.list_user_datasets() == [note]
    assert note.splits == {"train": 4, "val": 1}
    assert user_dataset.prepare(note) == note.splits


def test_facts_have_the_classes_of_the_list_and_void(note):
    facts = user_dataset.make_facts(note)
    assert facts.class_names == ("background", "cell", "wall")
    assert facts.labels == (0, 1, 2, 255)
    assert facts.val.params == {"data_set": "cells", "split": "val", "mean": facts.mean_bgr, "seed": 1337}
    assert "tools.validate_data cells" in facts.remedy


def test_the_layer_serves_images_in_bgr_minus_the_mean_and_labels_as_they_are(serve):
    net = serve()
    (item,) = net.layers[0].items
    net.forward()
    expected = IMAGES[item][..., ::-1].transpose(2, 0, 1) - np.array([1.5, 2.5, 3.5])[:, None, None]
    np.testing.assert_allclose(net.blobs["data"].data[0], expected)
    np.testing.assert_array_equal(net.blobs["label"].data[0, 0], LABELS[item])


def test_images_of_other_modes_are_brought_to_colours(serve, note):
    item = note.list_file("val").read_text().strip()
    grey = Image.fromarray(IMAGES[item]).convert("L")
    grey.save(f"cells/images/{item}.png")
    net = serve()
    net.forward()
    np.testing.assert_allclose(net.blobs["data"].data[0, 0] + 1.5, np.array(grey))


def test_only_train_is_drawn_at_random(serve):
    assert serve("train").layers[0].order.randomize and not serve("val").layers[0].order.randomize


def test_converted_labels_take_the_place_of_those_given(serve, note):
    item = note.list_file("val").read_text().strip()
    note.converted_labels.mkdir()
    Image.fromarray(np.ones_like(LABELS[item])).save(note.converted_labels / f"{item}.png")
    net = serve()
    net.forward()
    assert (net.blobs["label"].data == 1).all()


def test_images_are_served_as_they_are_labelled_later(serve, note):
    """Rotated by EXIF, transparent, 16 bits: training reads what inference reads."""
    item = note.list_file("val").read_text().strip()
    path, upright = f"cells/images/{item}.png", IMAGES[item]
    exif = Image.Exif()
    exif[0x0112] = 3
    alpha = np.dstack([upright, np.full(upright.shape[:2], 255, np.uint8)])
    alpha[:2, :, 3] = 0
    for image, options in (
        (Image.fromarray(np.ascontiguousarray(upright[::-1, ::-1])), {"exif": exif}),
        (Image.fromarray(alpha), {}),
        (Image.fromarray(upright[..., 0].astype(np.uint16) * 257), {}),
    ):
        image.save(path, **options)
        net = serve()
        net.forward()
        served = net.blobs["data"].data[0].transpose(1, 2, 0)[..., ::-1] + [3.5, 2.5, 1.5]
        np.testing.assert_allclose(served, np.asarray(to_photo(path)))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda label: Image.fromarray(label).convert("RGB"), "got a label map of mode RGB; expected class indices"),
        (lambda label: Image.fromarray(label[1:]), "expected 9 x .* as in its image"),
        (lambda label: Image.fromarray(label // 85), "label value 3; expected 0-2 or 255"),
    ],
)
def test_a_faulty_label_map_is_refused_and_the_check_named(serve, note, spoil, complaint):
    item = note.list_file("val").read_text().strip()
    label_hw = np.full(IMAGES[item].shape[:2], 255, np.uint8)
    spoil(label_hw).save(f"cells/labels/{item}.png")
    with pytest.raises(DataError, match=f"{item}.png: .*{complaint}(.|\n)*python -m tools.validate_data cells"):
        serve()


def test_an_image_that_went_missing_is_named(serve, note):
    item = note.list_file("val").read_text().strip()
    (note.folder.parent.parent.parent / f"cells/images/{item}.png").unlink()
    with pytest.raises(DataError, match=f"cells/images/{item}: missing"):
        serve()


def test_refuses_an_unknown_data_set(note, data_net):
    with pytest.raises(
        ValueError, match="adopted/other/dataset.json: .*python -m tools.user_dataset FOLDER --name other"
    ):
        data_net("adopted_layers", "AdoptedSegDataLayer", {"data_set": "other", "split": "val", "mean": (0, 0, 0)})


def test_refuses_a_note_that_was_changed_by_hand(note):
    path = note.folder / registry.NOTE
    path.write_text(path.read_text().replace("class_names", "classes"))
    with pytest.raises(ValueError, match="dataset.json: .*; expected the note of a user data set"):
        registry.list_user_datasets()


# ---- converted label maps


@pytest.fixture
def from_one(note, tmp_path):
    """The data set with classes from 1 and 0 for void, converted."""
    for name, label_hw in LABELS.items():
        Image.fromarray(np.where(label_hw == 255, 0, label_hw + 1).astype(np.uint8)).save(f"cells/labels/{name}.png")
    note = register(tmp_path, LabelForm(values=(1, 2, 3), void=(0,)))
    assert converted_labels.renew(note).label_maps == len(LABELS)
    return note


def test_the_layer_serves_converted_labels(from_one, serve):
    for split in ("train", "val"):
        net = serve(split)
        item = net.layers[0].items[net.layers[0].index]
        net.forward()
        np.testing.assert_array_equal(net.blobs["label"].data[0, 0], LABELS[item])


def test_current_label_maps_are_not_converted_again(from_one):
    assert converted_labels.renew(from_one) is None


@pytest.mark.parametrize("change", ["label", "image", "form", "classes", "removed"])
def test_label_maps_are_stale_and_renewed_when_their_source_changes(from_one, serve, tmp_path, change):
    note, path = from_one, from_one.converted_labels / "a.png"
    if change == "label":
        Image.fromarray(np.full(LABELS["a"].shape, 3, np.uint8)).save("cells/labels/a.png")
    elif change == "image":
        Image.fromarray(IMAGES["a"] // 2).save("cells/images/a.png", compress_level=0)
    elif change == "form":
        note = register(tmp_path, LabelForm(values=(3, 2, 1), void=(0,)))
    elif change == "classes":
        (tmp_path / "classes.txt").write_text("wall\ncell\nbackground\n")
        note = register(tmp_path, LabelForm(values=(1, 2, 3), void=(0,)))
    else:
        path.unlink()
        path.parent.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="(?s)adopted/cells/labels: missing, or older than .*tools.validate_data cells"):
        serve()
    assert converted_labels.renew(note).label_maps == len(LABELS)
    serve()
    with Image.open(path) as label:
        expected = {"label": np.full(LABELS["a"].shape, 2), "form": np.choose(LABELS["a"].clip(max=3), [2, 1, 0, 255])}
        np.testing.assert_array_equal(np.asarray(label), expected.get(change, LABELS["a"]))


def test_a_conversion_that_fails_leaves_what_was_there_and_lists_all_faults(from_one, tmp_path):
    before = (from_one.converted_labels / "a.png").read_bytes()
    for name in "bc":
        Image.fromarray(np.full(LABELS[name].shape, 9, np.uint8)).save(f"cells/labels/{name}.png")
    with pytest.raises(UnknownLabels, match=r"[bc].png: label value 9; expected 0-3 or 255\n.*[bc].png: label value 9"):
        converted_labels.renew(from_one)
    assert sorted(path.name for path in from_one.converted_labels.iterdir()) == [f"{name}.png" for name in LABELS]
    assert (from_one.converted_labels / "a.png").read_bytes() == before


def test_given_label_maps_are_used_again_without_a_form(from_one, tmp_path):
    register(tmp_path)
    assert not from_one.converted_labels.exists()
    assert registry.read_user_dataset("cells").labels == tmp_path / "cells" / "labels"


def test_label_maps_in_the_place_of_their_conversion_are_refused(note, tmp_path):
    folder = note.folder / "labels"
    folder.mkdir()
    for name, label_hw in LABELS.items():
        Image.fromarray(label_hw).save(folder / f"{name}.png")
    own = replace(note, given_labels=str(folder), form=LabelForm(void=(9,)))
    with pytest.raises(DataError, match="got an output that replaces the input"):
        converted_labels.renew(own)
    assert all(np.array_equal(Image.open(folder / f"{name}.png"), LABELS[name]) for name in LABELS)


def test_a_folder_in_the_place_of_the_data_sets_own_files_is_refused(note, tmp_path):
    (tmp_path / "cells").rename(note.folder / "given")
    before = sorted(path for path in note.folder.rglob("*"))
    layout, classes = find_layout(note.folder / "given"), read_classes(tmp_path / "classes.txt")
    with pytest.raises(DataError, match="given/images: lies in .*adopted/cells, where .* Fix: another --name"):
        user_dataset.scan_folder(layout, classes, "cells", "voc-fcn8s", PLAIN)
    assert sorted(path for path in note.folder.rglob("*")) == before
    assert user_dataset.scan_folder(layout, classes, "others", "voc-fcn8s", PLAIN)[0].splits == note.splits


# ---- what label 0 means


@pytest.mark.parametrize(
    ("names", "form", "is_said"),
    [
        (("sky", "sea", "sand"), LabelForm(), True),
        (("Background", "sea", "sand"), LabelForm(), False),
        (("sky", "sea", "sand"), LabelForm(values=(0, 1, 2)), False),
        (("sky", "sea", "sand"), LabelForm(values=(1, 2, 3), void=(0,)), False),
    ],
)
def test_a_class_0_that_may_be_void_is_pointed_out(note, names, form, is_said):
    said = user_dataset.describe_zero(replace(note, class_names=names, form=form))
    assert ("--values 1-3 --void 0" in said) is is_said and bool(said) is is_said
