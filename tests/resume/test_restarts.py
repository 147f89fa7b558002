"""torchrun takes a run up again by itself when one of its ranks was killed."""

import numpy as np

from fcn_repro.engine import caffe
from tests.ranked_run import torchrun
from tests.tiny_run import write_run


def test_a_run_whose_rank_is_killed_ends_as_if_nothing_had_happened(tmp_path):
    folders = [write_run(tmp_path / name, iter_size=2) for name in ("killed", "whole")]
    (folders[1].build / "died").touch()  # it will not again
    ended = [torchrun(folder, "--max-restarts", "1") for folder in folders]
    assert [each.returncode for each in ended] == [0, 0], ended[0].stderr
    assert ended[0].stderr.count("tiny goes on after iteration 5") == 1  # the root alone says so
    nets = [caffe.Net(str(folder.val), caffe.TEST, weights=str(folder.snapshot(8).weights)) for folder in folders]
    for name, blobs in nets[0].params.items():
        for blob, same in zip(blobs, nets[1].params[name], strict=True):
            np.testing.assert_array_equal(blob.data, same.data)
