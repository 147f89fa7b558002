"""The count of trainable parameters, against the textbook formulas of tests/fixtures/window_arithmetic.py."""

import pytest

from fcn_repro.model.parameter_count import count_trainable
from nets import FCNS, build
from tests.fixtures.window_arithmetic import DATA, data_for, parameters


@pytest.mark.parametrize("net", [net for net in FCNS if not net.endswith(("fixed", "learned", "cvpr"))])
def test_all_parameters_but_interpolation_and_scales_are_trainable(net: str):
    message = build(net, "deploy", data_for(net))
    assert count_trainable(message) == sum(parameters(message).values())


def test_of_a_fixed_net_the_score_layer_is_trainable_and_learned_upsampling_counts_every_pair_of_classes():
    names = ("vgg16-32s-fixed", "vgg16-8s-learned", "vgg16-8s")
    scores, learned, fixed = (count_trainable(build(net, "deploy", DATA)) for net in names)
    assert scores == 21 * 4097
    assert learned - fixed == 21 * 21 * (4 * 4 + 4 * 4 + 16 * 16)
    with pytest.raises(ValueError, match="layer fc6: got an InnerProduct, expected a Convolution"):
        count_trainable(build("vgg16", "deploy"))
