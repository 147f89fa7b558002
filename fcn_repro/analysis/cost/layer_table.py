"""The cost of a net in print: a row for each layer, sums, and the net beside the paper's Table 1."""

from __future__ import annotations

import statistics
from typing import Iterator, Mapping, Sequence

from fcn_repro.analysis.cost.costs import LayerCost, NetSummary
from fcn_repro.analysis.cost.ledger import Record
from fcn_repro.analysis.paper_tables import PaperCell, read_tables
from fcn_repro.system.memory import VALUE_BYTES, format_bytes

COUNTED = ("layer", "type", "top", "stride", "field", "parameters", "MB", "GFLOP")
MEASURED = ("ms", "backward ms", "GFLOP/s")
MS, MB, GFLOP = 1e3, 1e6, 1e9


def list_layer_rows(costs: Sequence[LayerCost], record: Record | None) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Return headers, and rows of text for each layer and for all; with columns of times if they were measured."""
    trains = any(cost.backward for cost in costs)
    columns = [name for name in MEASURED if trains or not name.startswith("backward")] if record else []
    rows: list[Sequence[str]] = []
    times = list(zip(record["layers_forward_s"], record["layers_backward_s"])) if record else [(0.0, 0.0)] * len(costs)
    for cost, seconds in zip(costs, times):
        flop = cost.forward + cost.backward
        rows.append((*_format_cost(cost), _format_number(flop / GFLOP, 3), *_format_times(seconds, flop, columns)))
    flop = sum(cost.forward + cost.backward for cost in costs)
    total = [f"{sum(cost.parameters for cost in costs):,}", f"{sum(map(_top_bytes, costs)) / MB:.1f}"]
    seconds = sum(forward for forward, _ in times), sum(backward for _, backward in times)
    rows.append(("all", "", "", "", "", *total, f"{flop / GFLOP:.3f}", *_format_times(seconds, flop, columns)))
    return (*COUNTED, *columns), rows


def describe_net(costs: Sequence[LayerCost], net: NetSummary, record: Record | None) -> Iterator[str]:
    """Describe a net as a whole, in lines: arithmetic, parameters, activations, and measurements."""
    forward, backward = (sum(getattr(cost, name) for cost in costs) for name in ("forward", "backward"))
    parameters, trains = sum(cost.parameters for cost in costs), bool(backward)
    more = f", {backward / GFLOP:,.1f} backward" if trains else ""
    yield f"arithmetic         {forward / GFLOP:,.1f} GFLOP forward{more}"
    size = format_bytes(VALUE_BYTES * parameters)
    yield f"parameters         {parameters:,} ({size}), {net.trainable:,} trainable; the others interpolate or scale"
    activations, gradients = (sum(getattr(cost, name) for cost in costs) for name in ("activations", "gradients"))
    more = f", gradients {format_bytes(gradients)}" if trains else ""
    yield f"activations        {format_bytes(activations)}{more}"
    if record:
        yield from _describe_measurement(record, trains)


def compare_with_paper(experiment: str, net: NetSummary, forward_s: float | None) -> list[Sequence[str]]:
    """List rows of Table 1 of both papers, if an experiment is one of its nets: metric, paper, here, remark.

    `forward_s` are the seconds at the paper's size, 500 x 500. The first row are headers.
    """
    cells = _find_row(experiment)
    here = {
        "parameter_layers": str(net.parameter_layers),
        "parameters_millions": f"{net.trainable / 1e6:.2f}",
        "receptive_field_px": str(net.receptive_field),
        "max_stride_px": str(net.max_stride),
        **dict.fromkeys(("forward_ms", "forward_ms_titan_x"), f"{MS * forward_s:,.0f}" if forward_s else ""),
    }
    rows: list[Sequence[str]] = []
    if cells:
        rows.append((f"Table 1, {next(iter(cells.values())).row}", "paper", "here", ""))
    for metric, value in here.items():
        if metric in cells:
            cell = cells[metric]
            needs_note = metric.startswith("forward_ms") or (metric == "receptive_field_px" and value != cell.value)
            rows.append((metric.replace("_", " "), cell.printed, value, cell.note if needs_note else ""))
    return rows


def _find_row(experiment: str) -> Mapping[str, PaperCell]:
    (table,) = (table for table in read_tables() if table.table == "classifiers")
    for cells in table.rows().values():
        if "parameter_layers" in cells and cells["mean_iu"].experiment == experiment:
            return cells
    return {}


def _describe_measurement(record: Record, trains: bool) -> Iterator[str]:
    for name in ("forward", *["backward"] * trains):
        passes = record[f"{name}_s"]
        median, low, high = (MS * pick(passes) for pick in (statistics.median, min, max))
        layers = MS * sum(record[f"layers_{name}_s"])
        spread = f"median of {len(passes)} ({low:,.0f} to {high:,.0f})"
        yield f"{name + ' pass':19}{median:,.0f} ms, {spread}; layer by layer {layers:,.0f} ms"
    yield f"peak memory        {format_bytes(record['peak_bytes'], 2)} of the process"


def _format_cost(cost: LayerCost) -> Sequence[str]:
    grid = (f"{cost.grid.stride:g}", str(cost.grid.receptive_field)) if cost.grid else ("", "")
    return (
        *(cost.layer, cost.type, " x ".join(map(str, cost.shape[1:])), *grid),
        f"{cost.parameters:,}" * bool(cost.parameters),
        _format_number(_top_bytes(cost) / MB, 1),
    )


def _format_times(seconds: Sequence[float], flop: int, columns: Sequence[str]) -> Iterator[str]:
    if columns:
        yield from (f"{MS * each:,.2f}" for each in seconds[: len(columns) - 1])
        yield _format_number(flop / GFLOP / sum(seconds) if flop else 0, 0)


def _top_bytes(cost: LayerCost) -> int:
    return cost.activations + cost.gradients


def _format_number(value: float, digits: int) -> str:
    """Format a number, 0 as an empty cell."""
    return f"{value:,.{digits}f}" if value else ""
