from dataclasses import replace

from fcn_repro.analysis.cost import layer_table
from fcn_repro.analysis.cost.costs import NetSummary
from tests.fixtures.layer_costs import COSTS, RECORD

VGG = NetSummary(parameter_layers=16, trainable=134_346_581, receptive_field=404, max_stride=32)


def test_each_layer_is_a_row_and_all_of_them_another():
    headers, (conv, loss, everything) = layer_table.list_layer_rows(COSTS, None)
    assert headers == ("layer", "type", "top", "stride", "field", "parameters", "MB", "GFLOP")
    assert conv == ("conv", "Convolution", "8 x 5 x 6", "2", "3", "10", "0.0", "0.000")
    assert loss[:6] == ("loss", "SoftmaxWithLoss", "", "", "", "")
    assert everything[0] == "all" and everything[5] == "10"


def test_measurements_have_columns_and_backward_only_in_training():
    headers, rows = layer_table.list_layer_rows(COSTS, RECORD)
    assert headers[-3:] == ("ms", "backward ms", "GFLOP/s") and {len(row) for row in rows} == {11}
    assert rows[0][-3:-1] == ("250.00", "1,000.00") and rows[-1][-3:-1] == ("750.00", "1,000.00")
    costs = [replace(cost, backward=0, gradients=0) for cost in COSTS]
    headers, rows = layer_table.list_layer_rows(costs, RECORD)
    assert headers[-2:] == ("ms", "GFLOP/s") and {len(row) for row in rows} == {10}


def test_the_net_as_a_whole_is_described():
    lines = list(layer_table.describe_net(COSTS, VGG, RECORD))
    assert "forward pass       500 ms, median of 3 (500 to 750); layer by layer 750 ms" in lines
    assert "backward pass      1,000 ms, median of 3 (1,000 to 2,000); layer by layer 1,000 ms" in lines
    assert "peak memory        3.00 GB of the process" in lines
    assert len(list(layer_table.describe_net(COSTS, VGG, None))) == 3


def test_the_papers_nets_are_compared_with_the_paper():
    assert layer_table.compare_with_paper("voc2011-fcn32s", VGG, 1.5) == [
        ("Table 1, FCN-VGG16", "paper", "here", ""),
        ("parameter layers", "16", "16", ""),
        ("parameters millions", "134", "134.35", ""),
        ("receptive field px", "404", "404", ""),
        ("max stride px", "32", "32", ""),
        ("forward ms", "210", "1,500", "500x500, mean of 20 runs, Tesla K40c"),
        ("forward ms titan x", "100?", "1,500", "the same row in PAMI"),
    ]
    assert not layer_table.compare_with_paper("voc-fcn8s", VGG, None)


def test_a_difference_from_the_paper_is_explained():
    rows = layer_table.compare_with_paper("voc2011-fcn-googlenet", NetSummary(22, 5_995_077, 715, 32), None)
    (field,) = [row for row in rows if row[0] == "receptive field px"]
    assert field[1:3] == ("907", "715") and "without the average pool" in field[3]
