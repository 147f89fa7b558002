from fcn_repro.analysis.cost import layer_table
from fcn_repro.analysis.cost.costs import Summary
from tests.analysis.cost.test_ledger import COSTS, RECORD

VGG = Summary(parameter_layers=16, learnt=134_346_581, receptive_field=404, max_stride=32)


def test_a_layer_is_a_row_and_all_of_them_are_another():
    heading, conv, loss, everything = layer_table.rows(COSTS, None)
    assert heading == ("layer", "type", "top", "every", "sees", "parameters", "MB", "GFLOP")
    assert conv == ("conv", "Convolution", "8 x 5 x 6", "2", "3", "10", "0.0", "0.000")
    assert loss[:6] == ("loss", "SoftmaxWithLoss", "", "", "", "")
    assert everything[0] == "all" and everything[5] == "10"


def test_what_was_measured_stands_beside_it():
    heading, conv, loss, everything = layer_table.rows(COSTS, RECORD)
    assert heading[-3:] == ("ms", "backward ms", "GFLOP/s")
    assert conv[-3:-1] == ("250.00", "1,000.00")
    assert everything[-3:-1] == ("750.00", "1,000.00")
    assert {len(row) for row in (heading, conv, loss, everything)} == {11}


def test_a_net_that_does_not_learn_has_no_backward_column():
    costs = [cost.__class__(**{**vars(cost), "backward": 0, "gradients": 0}) for cost in COSTS]
    rows = layer_table.rows(costs, RECORD)
    assert rows[0][-2:] == ("ms", "GFLOP/s")
    assert {len(row) for row in rows} == {10}


def test_the_net_as_a_whole_is_told_in_words():
    lines = list(layer_table.sums(COSTS, VGG, RECORD))
    assert "forward pass       500 ms, the median of 3 (500 to 750); layer by layer 750 ms" in lines
    assert "backward pass      1,000 ms, the median of 3 (1,000 to 2,000); layer by layer 1,000 ms" in lines
    assert "peak memory        3.00 GB, of the process" in lines
    assert len(list(layer_table.sums(COSTS, VGG, None))) == 3


def test_the_papers_nets_are_set_beside_the_paper():
    rows = [tuple(row) for row in layer_table.beside_the_paper("voc2011-fcn32s", VGG, 1.5)]
    assert rows == [
        ("Table 1, FCN-VGG16", "paper", "here", ""),
        ("parameter layers", "16", "16", ""),
        ("parameters millions", "134", "134.35", ""),
        ("receptive field px", "404", "404", ""),
        ("max stride px", "32", "32", ""),
        ("forward ms", "210", "1,500", "500x500, mean of 20 runs, Tesla K40c"),
    ]


def test_a_difference_from_the_paper_is_explained():
    googlenet = Summary(22, 5_995_077, 715, 32)
    rows = {row[0]: row for row in layer_table.beside_the_paper("voc2011-fcn-googlenet", googlenet, None)}
    assert rows["receptive field px"][1:3] == ("907", "715")
    assert "without the average pool" in rows["receptive field px"][3]


def test_other_nets_stand_alone():
    assert not list(layer_table.beside_the_paper("voc-fcn8s", VGG, None))
