"""Measure nets at several sizes and batches, or take their measurements from the ledger."""

from __future__ import annotations

import statistics
from typing import Any, Iterator, Mapping, Sequence

from fcn_repro.analysis.cost import layer_table, ledger
from fcn_repro.analysis.cost.ledger import Record
from fcn_repro.analysis.cost.measurement import Job, NotEnoughMemory, count_passes, measure_in_process
from fcn_repro.system.memory import GB
from fcn_repro.system.text_table import format_table

GIGA = 1e9
FORMATS = {
    "height": "d", "width": "d", "batch": "d", "gflop": ".2f", "layer_by_layer_s": ".2f",
    "forward_s": ".2f", "backward_s": ".2f", "peak_gb": ".2f",
}  # fmt: skip


def measure_nets(
    nets: Sequence[Any], conditions: Mapping[str, object], passes: int, gpu: int | None, reuse: bool
) -> Iterator[tuple[Record | None, str]]:
    """Measure nets one after the other; yields for each its record and no error, or None and why it did not fit.

    nets    as `solvers.sized_net.SizedNet`
    reuse   whether to take measurements under the same conditions from the ledger
    """
    known = [ledger.find_record(net.point.path, conditions, passes) if reuse else None for net in nets]
    work = [0 if record else count_passes(net.point.learning, passes) * net.giga for net, record in zip(nets, known)]
    for i, (net, record) in enumerate(zip(nets, known)):
        error = ""
        if record is None:
            progress = (str(net.point), net.giga, sum(work[:i]), sum(work))
            try:
                found = measure_in_process(Job(net.prototxt, net.point.learning, passes, gpu, *progress))
                record = {"passes": passes, "machine": dict(conditions), **vars(found)}
                ledger.write_record(net.point.path, net.costs, record)
            except NotEnoughMemory as reason:
                error = f"did not fit into memory: {reason}"
        yield record, error


def summarise_record(net: Any, record: Record) -> dict[str, float]:
    """Summarise a measurement in a row: medians of whole passes, and the sum over the layers."""
    layers = sum(sum(record[f"layers_{way}_s"]) for way in ("forward", "backward"))
    values = (
        *(*net.point.size, net.point.batch, net.work / GIGA, layers, statistics.median(record["forward_s"])),
        *(statistics.median(record["backward_s"] or [0.0]), record["peak_bytes"] / GB),
    )
    return dict(zip(FORMATS, values))


def format_rows(rows: Sequence[Mapping[str, float]], format: str = "text") -> str:
    """Format summaries as a table."""
    return format_table([[f"{row[name]:{spec}}" for name, spec in FORMATS.items()] for row in rows], [*FORMATS], format)


def format_net(net: Any, record: Record | None, at_paper_size: bool, format: str = "text") -> Iterator[str]:
    """Format a net in lines: the table of its layers, the net as a whole, and the paper's numbers.

    at_paper_size   whether its forward pass can be compared with the paper's
    """
    yield f"{net.point}\n"
    headers, rows = layer_table.list_layer_rows(net.costs, record)
    yield format_table(rows, headers, format) + "\n"
    yield from layer_table.describe_net(net.costs, net.summary, record)
    forward_s = statistics.median(record["forward_s"]) if record and at_paper_size else None
    beside = layer_table.compare_with_paper(net.point.experiment, net.summary, forward_s)
    if beside:
        yield f"\n{format_table(beside[1:], beside[0], format)}\n"
