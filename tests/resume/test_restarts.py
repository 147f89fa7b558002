"""torchrun restarts a run when one of its ranks was killed."""

from tests.fixtures.ranked_run import torchrun
from tests.fixtures.tiny_run import write_run, write_voc


def test_a_run_whose_rank_is_killed_ends_as_if_nothing_had_happened(tmp_path):
    voc = write_voc(tmp_path)  # one for both: a caffemodel names it
    folders = [write_run(tmp_path / name, voc=voc, iter_size=2) for name in ("killed", "whole")]
    (folders[1].build / "died").touch()  # it will not again
    ended = [torchrun(folder, "--max-restarts", "1") for folder in folders]
    assert [each.returncode for each in ended] == [0, 0], ended[0].stderr
    assert ended[0].stderr.count("tiny resumes after iteration 5") == 1  # the root alone says so
    weights = [folder.snapshot(8).weights.read_bytes() for folder in folders]
    assert weights[0] == weights[1]
