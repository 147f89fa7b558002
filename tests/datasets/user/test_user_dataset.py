"""User data sets: facts, data layer, and the errors of the layer."""

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets.user import registry, user_dataset
from fcn_repro.errors import DataError

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
    note, splits = user_dataset.scan_folder(tmp_path / "cells", tmp_path / "classes.txt", "cells", "voc-fcn8s")
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
