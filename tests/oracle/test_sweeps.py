"""Every layer type accepts and refuses what Caffe does: each count of bottoms and tops, and each optional field."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from fcn_repro.caffe import CaffeError
from fcn_repro.caffe.proto.caffe_pb2 import DESCRIPTOR
from tests.oracle.comparison import Record
from tests.oracle.layer_sweeps import bases, forward_case, vary_counts, vary_fields
from tests.oracle.oracle import Case, Oracle, Refused, run_ours

CHAPTER = "Every count and field"
# What is refused here and not by Caffe, by design: docs/fidelity.md has the reasons.
STRICTER = ("got the index", "has dilation [0, 0]", "would make a top of size")
# This build of Caffe computes BatchNorm with the statistics of the batch wrongly.
SKIPPED = ("use_global_stats: false",)


@pytest.fixture(scope="module")
def known(oracle: Oracle) -> dict[str, list[str]]:
    """The fields of Caffe's own messages, without those of forks."""
    names = sorted(DESCRIPTOR.message_types_by_name)
    found = oracle.run(Case("fields", {"messages": names}))
    return {name: found[name].tolist() if name in found else [] for name in names}


def compare_all(type_: str, cases: Iterable, oracle: Oracle, record: Record) -> None:
    cases = [case for case in cases if not any(text in case.param for text in SKIPPED)]
    differ = []
    for case, theirs in zip(cases, oracle.run_all(map(forward_case, cases)), strict=True):
        name = f"{case}, {case.tops} tops{', weighted' * (not case.forced)}"
        try:
            ours = run_ours(forward_case(case))
        except (CaffeError, RuntimeError) as error:
            if not isinstance(theirs, Refused) and not any(reason in str(error) for reason in STRICTER):
                differ.append(f"{name}: Caffe accepts, ours: {error}")
            continue
        if isinstance(theirs, Refused):
            differ.append(f"{name}: ours accepts, Caffe: {str(theirs)[-200:]}")
            continue
        for arrays in (ours, theirs):
            del arrays["0/loss"]  # a sum of tops, which may cancel
        if ours:
            record.check(CHAPTER, type_, ours, theirs, 1e-5)
    assert not differ, "\n".join(differ)


@pytest.mark.parametrize("type_", bases())
def test_each_count_of_bottoms_and_tops_is_taken_as_by_caffe(type_: str, oracle: Oracle, record: Record) -> None:
    compare_all(type_, vary_counts(type_), oracle, record)


@pytest.mark.parametrize("type_", bases())
def test_each_optional_field_is_taken_as_by_caffe(type_: str, known, oracle: Oracle, record: Record) -> None:
    compare_all(type_, vary_fields(type_, known), oracle, record)
