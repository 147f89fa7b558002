import pytest

from tests.oracle.comparison import Record
from tests.oracle.oracle import Case, Oracle, run_ours
from tests.oracle.prototxts import NETS, STATES, UPGRADED


@pytest.mark.parametrize("name", NETS)
def test_nets_are_built_as_caffe_builds_them(name: str, oracle: Oracle, record: Record):
    for phase in (0, 1):
        case = Case("structure", {"text": NETS[name], "phase": phase})
        record.check("Net construction", "splits, in-place layers, loss weights", run_ours(case), oracle.run(case), 0)


@pytest.mark.parametrize(("level", "stages"), [(0, []), (1, ["a"]), (2, ["a", "b"]), (5, ["b"])])
@pytest.mark.parametrize("phase", [0, 1])
def test_layers_are_kept_by_caffes_rules(phase, level, stages, oracle: Oracle, record: Record):
    case = Case("structure", {"text": STATES, "phase": phase, "level": level, "stages": stages})
    record.check("Net construction", "include and exclude rules", run_ours(case), oracle.run(case), 0)


@pytest.mark.parametrize("name", UPGRADED)
def test_old_formats_are_read_as_caffe_reads_them(name: str, oracle: Oracle, record: Record):
    """The upgraded net computes the same, so that every field has landed where Caffe puts it."""
    case = Case("net", {"text": UPGRADED[name], "seed": 5, "passes": 2})
    record.check("Net construction", "formats V0 and V1", run_ours(case), oracle.run(case), 1e-5)
    structure = Case("structure", {"text": UPGRADED[name]})
    record.check("Net construction", "formats V0 and V1", run_ours(structure), oracle.run(structure), 0)
