import csv

from fcn_repro.analysis.cost import ledger
from fcn_repro.analysis.cost.costs import Cost
from fcn_repro.model.receptive_field import Grid

COSTS = [
    Cost("conv", "Convolution", (1, 8, 5, 6), 100, 200, 10, 10, 960, 960, Grid(0, 2, 3)),
    Cost("loss", "SoftmaxWithLoss", (), 0, 0, 0, 0, 4, 4, None),
]
FACTS = {"processor": "a", "threads": 2}
RECORD = {
    **{"passes": 3, "machine": FACTS, "layers_forward_s": [0.25, 0.5], "layers_backward_s": [1.0, 0.0]},
    **{"forward_s": [0.5, 0.5, 0.75], "backward_s": [1.0, 1.0, 2.0], "peak_bytes": 3_000_000_000},
}


def test_what_is_written_is_known_on_the_same_machine(tmp_path):
    ledger.write(tmp_path / "point", COSTS, RECORD)
    assert ledger.known(tmp_path / "point", FACTS, 3) == RECORD
    assert ledger.known(tmp_path / "point", FACTS, 2) == RECORD


def test_other_machines_more_passes_and_other_files_are_measured_anew(tmp_path):
    ledger.write(tmp_path / "point", COSTS, RECORD)
    assert ledger.known(tmp_path / "point", {**FACTS, "threads": 1}, 3) is None
    assert ledger.known(tmp_path / "point", FACTS, 4) is None
    assert ledger.known(tmp_path / "missing", FACTS, 1) is None
    for text in ("{", "{}", "[]"):
        (tmp_path / "other.json").write_text(text)
        assert ledger.known(tmp_path / "other", FACTS, 1) is None


def test_layers_are_rows_for_other_programs(tmp_path):
    ledger.write(tmp_path / "point", COSTS, RECORD)
    with open(tmp_path / "point.csv", newline="") as file:
        conv, loss = csv.DictReader(file)
    assert (conv["layer"], conv["top"], conv["every_px"], conv["sees_px"]) == ("conv", "1x8x5x6", "2", "3")
    assert (conv["forward_flop"], conv["backward_flop"], conv["learnt"]) == ("100", "200", "10")
    assert (float(conv["forward_ms"]), float(conv["backward_ms"])) == (250, 1000)
    assert (loss["sees_px"], loss["activation_bytes"]) == ("", "4")
