import pytest

from tests.oracle.comparison import Compare
from tests.oracle.oracle import Case
from tests.oracle.prototxts import NETS, STATES, UPGRADED

CHAPTER = "Net construction"


@pytest.mark.parametrize("phase", [0, 1])
@pytest.mark.parametrize("name", NETS)
def test_nets_have_caffes_structure(name: str, phase: int, compare: Compare):
    case = Case("structure", {"text": NETS[name], "phase": phase})
    compare(CHAPTER, "splits, in-place layers, loss weights", case, 0)


@pytest.mark.parametrize(("level", "stages"), [(0, []), (1, ["a"]), (2, ["a", "b"]), (5, ["b"])])
@pytest.mark.parametrize("phase", [0, 1])
def test_include_and_exclude_rules_keep_caffes_layers(phase: int, level: int, stages: list[str], compare: Compare):
    case = Case("structure", {"text": STATES, "phase": phase, "level": level, "stages": stages})
    compare(CHAPTER, "include and exclude rules", case, 0)


@pytest.mark.parametrize("name", UPGRADED)
def test_old_formats_are_upgraded_as_in_caffe(name: str, compare: Compare):
    """An upgraded net computes the same: every field is in Caffe's place."""
    compare(CHAPTER, "formats V0 and V1", Case("net", {"text": UPGRADED[name], "seed": 5, "passes": 2}), 1e-5)
    compare(CHAPTER, "formats V0 and V1", Case("structure", {"text": UPGRADED[name]}), 0)
