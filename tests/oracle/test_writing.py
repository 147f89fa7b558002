"""The same programs write the same nets, solvers and crops on both engines."""

import json
import os
import subprocess

import numpy as np
import pytest

from tests.oracle.comparison import Record
from tests.oracle.writing import written
from tools import real_caffe


@pytest.fixture(scope="module")
def theirs() -> dict:
    """What real Caffe's NetSpec and coord_map make of everything."""
    try:
        python = real_caffe.interpreter()
    except real_caffe.NoCaffe as reason:
        pytest.skip(str(reason))
    environment = {**os.environ, **real_caffe.ENVIRONMENT, "ENGINE": "bvlc"}
    done = subprocess.run(
        [python, "-m", "tests.oracle.writing"],
        cwd=real_caffe.ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_everything_is_written_as_real_caffe_writes_it(theirs: dict, record: Record):
    ours, reference = (
        {title: np.array(json.dumps(outcome)) for title, outcome in found.items()} for found in (written(), theirs)
    )
    record.check("Writing", "nets, solvers and crops", ours, reference, 0)
