import csv

from fcn_repro.analysis.cost import ledger
from tests.fixtures.layer_costs import CONDITIONS, COSTS, RECORD


def test_a_record_is_found_under_the_same_conditions_only(tmp_path):
    ledger.write_record(tmp_path / "point", COSTS, RECORD)
    assert ledger.find_record(tmp_path / "point", CONDITIONS, 3) == RECORD
    assert ledger.find_record(tmp_path / "point", CONDITIONS, 2) == RECORD
    assert ledger.find_record(tmp_path / "point", {**CONDITIONS, "threads": 1}, 3) is None
    assert ledger.find_record(tmp_path / "point", CONDITIONS, 4) is None
    assert ledger.find_record(tmp_path / "missing", CONDITIONS, 1) is None
    for text in ("{", "{}", "[]"):
        (tmp_path / "other.json").write_text(text)
        assert ledger.find_record(tmp_path / "other", CONDITIONS, 1) is None


def test_layers_are_rows_of_a_csv(tmp_path):
    ledger.write_record(tmp_path / "point", COSTS, RECORD)
    with open(tmp_path / "point.csv", newline="") as file:
        conv, loss = csv.DictReader(file)
    assert (conv["layer"], conv["top"], conv["every_px"], conv["sees_px"]) == ("conv", "1x8x5x6", "2", "3")
    assert (conv["forward_flop"], conv["backward_flop"], conv["learnt"]) == ("100", "200", "10")
    assert (float(conv["forward_ms"]), float(conv["backward_ms"])) == (250, 1000)
    assert (loss["sees_px"], loss["activation_bytes"]) == ("", "4")
