"""Each layer's lines are found whatever the text around its brackets is."""

import pytest

from fcn_repro.analysis.net_page.prototxt_lines import find_layer_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('name: "n"\nlayer { name: "a" }\nlayer {\n  name: "b"\n}\n', [(2, 2), (3, 5)]),
        ("layers: <\n name: 'a'\n>", [(1, 3)]),
        ("layer # {\n{ name: \"a } # {\"\n  top: '}\\'{' }", [(1, 3)]),
        ("state { phase: TEST }\nlayer { p { q { } }\n}\ninput_shape { dim: 1 }", [(2, 3)]),
        ("layer { } layer { }", [(1, 1), (1, 1)]),
        ("", []),
    ],
)
def test_lines_are_counted_from_one_and_include_both_brackets(text, lines):
    assert find_layer_lines(text) == lines
