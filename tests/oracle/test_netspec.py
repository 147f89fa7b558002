"""The same programs write the same nets, solvers and crops on both engines."""

import json

import numpy as np

from tests.fixtures.pycaffe_scripts import ROOT, Interpreter
from tests.oracle.comparison import Record
from tests.oracle.netspec_programs import run_programs


def test_both_engines_write_the_same_messages(theirs: Interpreter, record: Record):
    bvlc = Interpreter(theirs.command, {**theirs.environment, "ENGINE": "bvlc"})
    reference = json.loads(bvlc.check(ROOT, "-m", "tests.oracle.netspec_programs"))
    ours, caffes = (
        {title: np.array(json.dumps(outcome)) for title, outcome in found.items()}
        for found in (run_programs(), reference)
    )
    record.check("NetSpec", "nets, solvers and crops", ours, caffes, 0)
