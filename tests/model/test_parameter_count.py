"""The arithmetic against that of the tests' own, which goes through sizes as well."""

import pytest

from fcn_repro.model.parameter_count import learnt
from nets import FCNS, build
from tests.fixtures.window_arithmetic import DATA, data_for, parameters


@pytest.mark.parametrize("net", [net for net in FCNS if not net.endswith(("fixed", "learned", "cvpr"))])
def test_all_but_interpolation_and_scales_learn(net: str):
    message = build(net, "deploy", data_for(net))
    assert learnt(message) == sum(parameters(message).values())


def test_a_fixed_net_learns_its_score_layer():
    assert learnt(build("vgg16-32s-fixed", "deploy", DATA)) == 21 * 4097


def test_upsampling_that_learns_counts_with_every_pair_of_classes():
    more = learnt(build("vgg16-8s-learned", "deploy", DATA)) - learnt(build("vgg16-8s", "deploy", DATA))
    assert more == 21 * 21 * (4 * 4 + 4 * 4 + 16 * 16)


def test_refuses_a_layer_whose_weights_depend_on_the_image():
    with pytest.raises(ValueError, match="layer fc6 is an InnerProduct"):
        learnt(build("vgg16", "deploy"))
