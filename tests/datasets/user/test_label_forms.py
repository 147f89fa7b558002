"""Label maps of every form become class indices."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import scipy.io
from PIL import Image

from fcn_repro.datasets.file_readers import UnknownLabels
from fcn_repro.datasets.user import polygons
from fcn_repro.datasets.user.class_list import ClassList
from fcn_repro.datasets.user.folder_layout import find_layout
from fcn_repro.datasets.user.label_forms import check_form, complete_form, fit_label, read_label
from fcn_repro.datasets.user.registry import LabelForm, UserDataset
from fcn_repro.errors import DataError

NAMES = ("ground", "cat", "dog")
INDEX = np.random.RandomState(0).choice([0, 1, 2, 255], (12, 17)).astype(np.uint8)
TWO = np.where(INDEX == 1, 1, 0).astype(np.uint8)


def give_values(values, void=255, dtype=np.uint8):
    return np.select([INDEX == 0, INDEX == 1, INDEX == 2], values, void).astype(dtype)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("values", "void", "form"),
    [
        ((0, 1, 2), 255, LabelForm()),
        ((0, 1, 2), 3, LabelForm(void=(3,))),  # CamVid's form
        ((1, 2, 3), 0, LabelForm(values=(1, 2, 3), void=(0,))),  # ADE20K's
        ((7, 11, 26), 0, LabelForm(values=(7, 11, 26), void=(0, 1))),  # Cityscapes'
        ((0, 255, 1), 7, LabelForm(values=(0, 255, 1), void=(7,))),
        ((0, 1000, 65535), 3, LabelForm(values=(0, 1000, 65535), void=(3,))),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_values_become_classes(tmp_path, values, void, form, dtype):
    if max(values) > np.iinfo(dtype).max:
        dtype = np.uint16
    path = save(tmp_path / "a.tif", give_values(values, void, dtype))
    np.testing.assert_array_equal(read_label(path, form, NAMES).label_hw, INDEX)


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB", "RGBA", "LA"])
def test_masks_of_two_values_are_read_in_every_mode(tmp_path, mode):
    mask = Image.fromarray(TWO * 255)
    mask = Image.fromarray(TWO * np.uint16(255)) if mode == "I;16" else mask.convert(mode)
    if mode == "P":
        mask = Image.fromarray(TWO * 255)
        mask.putpalette(list(range(256)) * 3)
    mask.save(tmp_path / "a.png")
    form = LabelForm() if mode == "1" else LabelForm(values=(0, 255))
    np.testing.assert_array_equal(read_label(tmp_path / "a.png", form, NAMES[:2]).label_hw, TWO)


def test_masks_in_jpeg_take_the_nearest_value_and_are_counted(tmp_path):
    blocks = np.kron(TWO[:3, :4], np.ones((16, 16), np.uint8))
    path = save(tmp_path / "a.jpg", blocks * 255, quality=60)
    stored = np.asarray(Image.open(path)).astype(int)
    found = read_label(path, LabelForm(values=(0, 255), tolerance=127), NAMES[:2])
    np.testing.assert_array_equal(found.label_hw, blocks)
    distance = np.minimum(stored, 255 - stored)
    assert (found.changed, found.largest) == ((distance > 0).sum(), distance.max())
    with pytest.raises(DataError, match=r"a\.jpg: got colours of no class"):
        read_label(path, LabelForm(values=(0, 255), tolerance=found.largest - 1), NAMES[:2])


def test_colours_become_classes_by_name(tmp_path):
    rows = (("ground", 0, 0, 0), ("cat", 9, 0, 0), ("cat", 8, 0, 0), ("dog", 0, 0, 9), ("void", 1, 1, 1))
    colours = np.zeros((*INDEX.shape, 3), np.uint8)
    colours[INDEX == 1], colours[INDEX == 2], colours[INDEX == 255] = (9, 0, 0), (0, 0, 9), (1, 1, 1)
    path = save(tmp_path / "a.png", colours)
    np.testing.assert_array_equal(read_label(path, LabelForm(colours=rows), NAMES).label_hw, INDEX)
    swapped = read_label(path, LabelForm(colours=rows), ("cat", "ground", "dog")).label_hw
    np.testing.assert_array_equal(swapped, np.choose(INDEX.clip(max=3), [1, 0, 2, 255]))


def test_mat_files_are_read_by_the_name_of_their_variable(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"S": give_values((1, 2, 3), 0, float), "other": 5})
    scipy.io.savemat(tmp_path / "b.mat", {"GT": {"Seg": give_values((1, 2, 3), 0)}})
    for name, field in (("a", "S"), ("b", "GT.Seg")):
        form = LabelForm(values=(1, 2, 3), void=(0,), mat_field=field)
        np.testing.assert_array_equal(read_label(tmp_path / f"{name}.mat", form, NAMES).label_hw, INDEX)
    with pytest.raises(DataError, match="a.mat: no field T; got S, other"):
        read_label(tmp_path / "a.mat", LabelForm(mat_field="T"), NAMES)


def test_outlines_are_drawn(tmp_path):
    path = tmp_path / "a.json"
    shape = {"label": "dog", "points": [[2, 1], [6, 4]], "shape_type": "rectangle"}
    path.write_text(json.dumps({"imageHeight": 9, "imageWidth": 11, "shapes": [shape]}))
    found = read_label(path, LabelForm(polygons=True), NAMES, polygons.read_labelme(path)).label_hw
    assert (found[1:5, 2:7] == 2).all() and (found == 2).sum() == 20 and (found == 255).sum() == 99 - 20


def test_unknown_values_are_listed_with_all_that_are_there(tmp_path):
    path = save(tmp_path / "a.png", give_values((0, 1, 3), 0))
    with pytest.raises(UnknownLabels, match=r"a\.png: label value 3; expected 0-2 or 255") as refused:
        read_label(path, LabelForm(), NAMES)
    assert (refused.value.values, refused.value.present) == ((3,), (0, 1, 3))


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        (LabelForm(values=(1, 2)), "got 2 label values for 3 classes; expected 3"),
        (LabelForm(values=(1, 2, 2)), "got a label value for two classes"),
        (LabelForm(void=(2,)), "got 2 as a class and as void"),
        (LabelForm(colours=(("cow", 0, 0, 0),)), "got colours of cow, which is no class"),
    ],
)
def test_forms_that_do_not_fit_the_classes_are_refused(form, complaint):
    with pytest.raises(DataError, match=re.escape(complaint)):
        check_form(form, NAMES)


# ---- sizes


def test_another_size_is_refused_or_takes_the_nearest_pixel(tmp_path):
    image = save(tmp_path / "a.png", np.zeros((36, 34, 3), np.uint8))
    with pytest.raises(DataError, match="l.png: got 17 x 12 pixels; expected 34 x 36 .*Fix: --resize-labels"):
        fit_label(INDEX, tmp_path / "l.png", image, (36, 34))
    found = fit_label(INDEX, tmp_path / "l.png", image, (36, 34), resize=True)
    np.testing.assert_array_equal(found, np.kron(INDEX, np.ones((3, 2), np.uint8)))


@pytest.mark.parametrize("resize", [False, True])
def test_a_label_map_of_the_pixels_as_stored_is_refused_with_the_images_exif(tmp_path, resize):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = save(tmp_path / "a.jpg", np.zeros((12, 17, 3), np.uint8), exif=exif)
    with pytest.raises(DataError, match="l.png: got 17 x 12 .* 12 x 17 .*: the EXIF orientation 6 of a.jpg"):
        fit_label(INDEX, tmp_path / "l.png", image, (17, 12), resize)


# ---- what is completed from the list of classes


BLUE, RED = (0, 0, 9), (9, 0, 0)


@pytest.fixture
def layout(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    return find_layout(tmp_path)


def save_label(layout, has_colours):
    array = np.zeros((4, 5, 3) if has_colours else (4, 5), np.uint8)
    save(layout.labels / "a.png", array)


LIST = ClassList(("sky", "sea"), (0, 2), (1,), {"sky": [BLUE], "void": [(1, 1, 1)], "sea": [RED, (8, 0, 0)]})
ROWS = (("sky", *BLUE), ("void", 1, 1, 1), ("sea", *RED), ("sea", 8, 0, 0))


def test_colours_of_the_list_count_where_label_maps_hold_colours(layout):
    save_label(layout, has_colours=True)
    assert complete_form(LabelForm(), LIST, layout, None).colours == ROWS
    assert complete_form(LabelForm(values=(3, 4)), LIST, layout, None).colours == ()
    assert complete_form(LabelForm(colours="voc"), LIST, layout, None).colours == "voc"


def test_numbers_of_the_list_count_where_label_maps_hold_values(layout):
    save_label(layout, has_colours=False)
    assert complete_form(LabelForm(), LIST, layout, None) == LabelForm(values=(0, 2), void=(1,))
    assert complete_form(LabelForm(values=(3, 4), void=(9, 255)), LIST, layout, None) == LabelForm((3, 4), (1, 9))
    assert complete_form(LabelForm(values=(0, 255)), LIST, layout, None).void == (1,)


def test_a_table_given_before_stays_in_force_for_the_same_label_maps(layout):
    save_label(layout, has_colours=True)
    plain = ClassList(("sky", "sea"), (), (), {})
    counts = {"train": 1, "val": 1}
    form = LabelForm(colours=ROWS, tolerance=5)
    before = UserDataset("d", str(layout.images), str(layout.labels), plain.names, counts, "voc-fcn8s", form=form)
    assert complete_form(LabelForm(), plain, layout, before) == form
    assert complete_form(LabelForm(values=(1, 2)), plain, layout, before) == LabelForm(values=(1, 2))
    assert complete_form(LabelForm(), plain, layout, replace(before, given_labels="others")) == LabelForm()
