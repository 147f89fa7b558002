"""What a net costs, for people: a row for each layer, the sums, and the net beside the paper's Table 1."""

from __future__ import annotations

import statistics
from typing import Iterator, Mapping, Sequence

from fcn_repro.analysis.cost.costs import Cost, Summary
from fcn_repro.analysis.cost.ledger import Record
from fcn_repro.analysis.paper_tables import Cell, tables
from fcn_repro.system.memory import GB, VALUE_BYTES

STATIC = ("layer", "type", "top", "every", "sees", "parameters", "MB", "GFLOP")
MEASURED = ("ms", "backward ms", "GFLOP/s")
MS, MB, GFLOP = 1e3, 1e6, 1e9


def rows(costs: Sequence[Cost], record: Record | None) -> list[Sequence[str]]:
    """A heading, a row for each layer and one for all: text, as wide as the measurements that there are."""
    learning = any(cost.backward for cost in costs)
    columns = [name for name in MEASURED if learning or not name.startswith("backward")] if record else []
    found: list[Sequence[str]] = [(*STATIC, *columns)]
    spent = list(zip(record["layers_forward_s"], record["layers_backward_s"])) if record else [(0.0, 0.0)] * len(costs)
    for cost, seconds in zip(costs, spent):
        flop = cost.forward + cost.backward
        found.append((*_static(cost), *_number(flop / GFLOP, 3), *_times(seconds, flop, columns)))
    flop = sum(cost.forward + cost.backward for cost in costs)
    total = [
        f"{sum(cost.parameters for cost in costs):,}",
        f"{sum(map(_bytes, costs)) / MB:.1f}",
        f"{flop / GFLOP:.3f}",
    ]
    seconds = sum(forward for forward, _ in spent), sum(backward for _, backward in spent)
    found.append(("all", "", "", "", "", *total, *_times(seconds, flop, columns)))
    return found


def sums(costs: Sequence[Cost], net: Summary, record: Record | None) -> Iterator[str]:
    """The whole net in words, a line each."""
    forward, backward = (sum(getattr(cost, name) for cost in costs) for name in ("forward", "backward"))
    parameters, learning = sum(cost.parameters for cost in costs), bool(backward)
    yield f"arithmetic         {forward / GFLOP:,.1f} GFLOP forward" + (
        f", {backward / GFLOP:,.1f} backward" if learning else ""
    )
    yield (
        f"parameters         {parameters:,} ({VALUE_BYTES * parameters / MB:,.0f} MB), of which {net.learnt:,} learn; "
        "the others interpolate or scale"
    )
    made, diffs = (sum(getattr(cost, name) for cost in costs) / MB for name in ("activations", "gradients"))
    yield f"activations        {made:,.0f} MB" + (f", and {diffs:,.0f} MB of their gradients" if learning else "")
    if record:
        yield from _measured(record, learning)


def beside_the_paper(experiment: str, net: Summary, forward_s: float | None) -> Iterator[Sequence[str]]:
    """Rows of Table 1 of the CVPR paper, if an experiment is one of its nets: what is told, there, here, a remark.

    `forward_s` is what was measured at the paper's size, 500 x 500.
    """
    cells = _of_table_1(experiment)
    here = {
        "parameter_layers": str(net.parameter_layers),
        "parameters_millions": f"{net.learnt / 1e6:.2f}",
        "receptive_field_px": str(net.receptive_field),
        "max_stride_px": str(net.max_stride),
        "forward_ms": f"{MS * forward_s:,.0f}" if forward_s else "",
    }
    if cells:
        yield f"Table 1, {next(iter(cells.values())).row}", "paper", "here", ""
    for metric, value in here.items():
        if metric in cells:
            cell = cells[metric]
            told = metric == "forward_ms" or (metric == "receptive_field_px" and value != cell.value)
            yield metric.replace("_", " "), cell.printed, value, cell.note if told else ""


def _of_table_1(experiment: str) -> Mapping[str, Cell]:
    (table,) = (table for table in tables() if table.table == "classifiers")
    for cells in table.rows().values():
        if "parameter_layers" in cells and cells["mean_iu"].experiment == experiment:
            return cells
    return {}


def _measured(record: Record, learning: bool) -> Iterator[str]:
    for name in ("forward", *["backward"] * learning):
        passes = record[f"{name}_s"]
        middle, least, most = (MS * pick(passes) for pick in (statistics.median, min, max))
        alone = MS * sum(record[f"layers_{name}_s"])
        yield (
            f"{name + ' pass':19}{middle:,.0f} ms, the median of {len(passes)} ({least:,.0f} to {most:,.0f}); "
            f"layer by layer {alone:,.0f} ms"
        )
    yield f"peak memory        {record['peak_bytes'] / GB:.2f} GB, of the process"


def _static(cost: Cost) -> Sequence[str]:
    where = (f"{cost.grid.spacing:g}", str(cost.grid.sees)) if cost.grid else ("", "")
    top = " x ".join(map(str, cost.shape[1:]))
    return (
        *(cost.layer, cost.type, top, *where),
        f"{cost.parameters:,}" * bool(cost.parameters),
        *_number(_bytes(cost) / MB, 1),
    )


def _times(seconds: Sequence[float], flop: int, columns: Sequence[str]) -> Iterator[str]:
    if columns:
        yield from (f"{MS * each:,.2f}" for each in seconds[: len(columns) - 1])
        yield from _number(flop / GFLOP / sum(seconds) if flop else 0, 0)


def _bytes(cost: Cost) -> int:
    return cost.activations + cost.gradients


def _number(value: float, digits: int) -> Sequence[str]:
    """A cell, empty for nothing."""
    return (f"{value:,.{digits}f}" if value else "",)
