"""Concepts from a meta.mat of the development kit's layout, with a hierarchy of nine."""

import numpy as np
import pytest
import scipy.io

from fcn_repro.datasets.ilsvrc_synsets import read_synsets
from fcn_repro.errors import DataError

# ID, WNID, words, children. IDs follow neither the WNIDs nor the hierarchy; corgis have two parents.
CONCEPTS = (
    (1, "n03000003", "taxi, cab", ()),
    (2, "n02000002", "Pembroke, corgi", ()),
    (3, "n01000001", "tench, Tinca tinca", ()),
    (4, "n02000009", "beagle", ()),
    (5, "n09000000", "entity", (6, 9)),
    (6, "n08000000", "animal, beast", (7, 3)),
    (7, "n07000000", "dog, domestic dog", (2, 4, 8)),
    (8, "n06000000", "herder", (2,)),
    (9, "n05000000", "vehicle, animal", (1,)),
)
FIELDS = (
    *("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images"),
)


def write_meta(path, concepts=CONCEPTS):
    table = np.zeros((len(concepts), 1), [(name, object) for name in FIELDS])
    for i, (number, wnid, words, children) in enumerate(concepts):
        padded = np.array([children + (0,) * (3 - len(children))], np.uint16)
        table[i, 0] = (number, wnid, words, "a gloss", len(children), padded, 0, 1300)
    scipy.io.savemat(str(path), {"synsets": table})
    return path


@pytest.fixture
def synsets(tmp_path):
    return read_synsets(write_meta(tmp_path / "meta.mat"))


def test_outputs_are_the_leaves_in_the_order_of_their_wnids(synsets):
    assert synsets.outputs == {"n01000001": 0, "n02000002": 1, "n02000009": 2, "n03000003": 3}


@pytest.mark.parametrize(
    ("concept", "classes"),
    [("n09000000", [0, 1, 2, 3]), ("n08000000", [0, 1, 2]), ("dog", [1, 2]), ("herder", [1]), ("n03000003", [3])],
)
def test_a_concepts_classes_are_the_leaves_below_it_each_once(synsets, concept, classes):
    assert synsets.find_outputs(synsets.find(concept)) == classes


@pytest.mark.parametrize("name", ["dog", "Domestic Dog", "N07000000"])
def test_a_concept_goes_by_its_number_and_all_its_names(synsets, name):
    assert str(synsets.find(name)) == "n07000000 (dog)"


def test_refuses_a_name_of_several_concepts_and_tells_them(synsets):
    with pytest.raises(DataError, match=r"got 2 concepts for 'animal' \(n08000000 \(animal\), n05000000"):
        synsets.find("animal")


def test_refuses_an_unknown_concept(synsets):
    with pytest.raises(DataError, match="got 0 concepts for 'unicorn'; expected one. Use a WNID"):
        synsets.find("unicorn")


def test_refuses_a_child_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"meta.mat: n08000000 \(animal\): got the child 3; expected one of the 1 IDs"):
        read_synsets(write_meta(tmp_path / "meta.mat", [CONCEPTS[5]]))


def test_refuses_other_files(tmp_path):
    with pytest.raises(DataError, match="meta.mat: missing; expected a meta.mat of ILSVRC's development kit"):
        read_synsets(tmp_path / "meta.mat")
    scipy.io.savemat(str(tmp_path / "meta.mat"), {"synsets": np.arange(3)})
    with pytest.raises(DataError, match="meta.mat: damaged, or not a meta.mat"):
        read_synsets(tmp_path / "meta.mat")
