import numpy as np
import pytest

from tests.oracle.comparison import Record
from tests.oracle.oracle import Case, Oracle, run_ours

MANY = 3_000_000  # normal numbers, among which every branch of the ziggurat and its tail is met thousands of times
FILLERS = [
    'type: "constant" value: 0.3',
    'type: "uniform"',
    'type: "uniform" min: -3 max: 0.1',
    'type: "gaussian"',
    'type: "gaussian" mean: -2 std: 0.01',
    'type: "gaussian" sparse: 3',
    'type: "gaussian" sparse: 0',
    'type: "positive_unitball"',
    *(
        f'type: "{type_}" variance_norm: {norm}'
        for type_ in ("xavier", "msra")
        for norm in ("FAN_IN", "FAN_OUT", "AVERAGE")
    ),
]
SHAPES = [(4, 3, 5, 2), (7, 11), (13,), (4, 2, 3)]


def filled(filler: str, *shapes: tuple[int, ...], seed: int = 1) -> Case:
    """DummyData tops: constants are filled when the net is built, others in every forward."""
    dims = " ".join(f"shape {{ {' '.join(f'dim: {dim}' for dim in shape)} }}" for shape in shapes)
    tops = " ".join(f'top: "t{index}"' for index in range(len(shapes)))
    text = f'layer {{ name: "d" type: "DummyData" {tops} dummy_data_param {{ {dims} data_filler {{ {filler} }} }} }}'
    return Case("net", {"text": text, "seed": seed, "passes": 2, "backward": False})


@pytest.mark.parametrize("filler", FILLERS)
def test_fillers_give_caffes_numbers(filler: str, oracle: Oracle, record: Record):
    shapes = SHAPES[:1] if "sparse: 3" in filler else SHAPES
    case = filled(filler, *shapes)
    record.check("Random numbers", f"filler {filler.split()[1]}", run_ours(case), oracle.run(case), 0)


@pytest.mark.parametrize("width", range(1, 10))
def test_bilinear_fillers_give_caffes_numbers(width: int, oracle: Oracle, record: Record):
    case = filled('type: "bilinear"', (2, 3, width, width))
    record.check("Random numbers", 'filler "bilinear"', run_ours(case), oracle.run(case), 1e-7)


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
@pytest.mark.parametrize("seed", [0, 1701, 2**32 - 1])
def test_long_streams_stay_caffes(kind: str, seed: int, oracle: Oracle, record: Record):
    case = filled(f'type: "{kind}"', (MANY,), seed=seed)
    record.check("Random numbers", f"{2 * MANY} of {kind}", run_ours(case), oracle.run(case), 0)


def test_fillers_follow_each_other_through_a_net(oracle: Oracle, record: Record):
    """Weights before biases, layers in file order, sharers too, and then the dropout masks."""
    fillers = 'weight_filler { type: "gaussian" } bias_filler { type: "uniform" }'
    layers = "".join(
        f'layer {{ name: "ip{i}" type: "InnerProduct" bottom: "h{i}" top: "h{i + 1}" param {{ name: "{name}" }} '
        f"inner_product_param {{ num_output: 5 {fillers} }} }} "
        f'layer {{ name: "drop{i}" type: "Dropout" bottom: "h{i + 1}" top: "h{i + 1}" }}'
        for i, name in enumerate(("a", "b", "b", ""))
    )
    text = f'layer {{ name: "in" type: "Input" top: "h0" input_param {{ shape {{ dim: 30 dim: 5 }} }} }} {layers}'
    arrays = {f"{index}/h0": np.ones((30, 5), np.float32) for index in range(2)}
    case = Case("net", {"text": text, "seed": 3, "passes": 2, "backward": False}, arrays)
    record.check("Random numbers", "fillers and dropout in a net", run_ours(case), oracle.run(case), 1e-6)
