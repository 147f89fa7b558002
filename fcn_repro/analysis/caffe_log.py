"""Tables of a log of Caffe's, or of this engine's: the rows of parse_log.py.

Source   caffe 9b89154 tools/extra/parse_log.py, extract_seconds.py
"""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Dict, Iterator, NamedTuple

ITERATION = re.compile(r"Iteration (\d+)")
RATE = re.compile(r"lr = ([-+]?[0-9]*\.?[0-9]+([eE]?[-+]?[0-9]+)?)")
LOSS = re.compile(r"Iteration \d+.*, loss = (\S+)")
OUTPUT = re.compile(r"(Train|Test) net output #\d+: (\S+) = ([\.\deE+-]+)")
PREFIX = re.compile(r"[IWEF](?:\d{4})?(\d\d)(\d\d) +(\d+):(\d+):(\d+)\.(\d+)")  # new glog writes the year

Row = Dict[str, float]


@dataclass
class Table:
    """The rows of one kind, Train or Test: NumIters, Seconds, LearningRate and the net's outputs.

    As in parse_log.py, a row is complete with the columns of the first, and the last row only if it is complete.
    """

    rows: list[Row] = field(default_factory=list)
    _row: Row | None = None

    def add(self, iteration: float, seconds: float, rate: float, name: str, value: float) -> None:
        """Add an output to the row of its iteration."""
        if self._row is None or self._row["NumIters"] != iteration:
            if self._row is not None:
                self.rows.append(self._row)
            self._row = {"NumIters": iteration, "Seconds": seconds, "LearningRate": rate}
        self._row[name] = value

    def close_full_row(self) -> None:
        """Append the row if it has as many columns as the first; called after every line."""
        if self._row is not None and self.rows and len(self._row) == len(self.rows[0]):
            self.rows.append(self._row)
            self._row = None

    def to_csv(self, delimiter: str) -> str:
        """Return the table as CSV with the columns of the first row.

        Raises   ValueError for a row with other columns
        """
        file = io.StringIO()
        writer = csv.DictWriter(file, list(self.rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(self.rows)
        return file.getvalue()


class Point(NamedTuple):
    """A value of a log, with the iteration and the seconds since the start."""

    iteration: float
    seconds: float
    value: float


@dataclass
class Log:
    """The tables Train and Test, smoothed losses and learning rates of a log."""

    tables: dict[str, Table]
    losses: list[Point]
    rates: list[Point]


def parse_log(path: Path) -> Log:
    """Read a log. Seconds count from the line "Solving NAME".

    Raises   ValueError for a log without that line
    """
    tables = {"Train": Table(), "Test": Table()}
    log = Log(tables, [], [])
    iteration, rate = -1.0, float("nan")
    for seconds, line in _timed_lines(path):
        found = ITERATION.search(line)
        iteration = float(found[1]) if found else iteration
        if iteration < 0 or seconds is None:
            continue
        found = RATE.search(line)
        if found:
            rate = float(found[1])
            log.rates.append(Point(iteration, seconds, rate))
        found = LOSS.search(line)
        if found:
            log.losses.append(Point(iteration, seconds, float(found[1])))
        output = OUTPUT.search(line)
        if output:
            tables[output[1]].add(iteration, seconds, rate, output[2], float(output[3]))
        for table in tables.values():
            table.close_full_row()
    for table in tables.values():
        if len(table.rows) > 1:  # the first outputs precede the first rate
            table.rows[0]["LearningRate"] = table.rows[1]["LearningRate"]
    return log


def _timed_lines(path: Path) -> Iterator[tuple[float | None, str]]:
    """Yield the lines after "Solving NAME", each with its seconds since then; None for a line without a time."""
    year = datetime.fromtimestamp(os.stat(str(path)).st_ctime).year
    start = last = None
    with open(str(path), encoding="utf-8", errors="replace") as file:
        for line in file:
            time = _read_time(line, year)
            if start is None:
                if "Solving" in line and time is not None:
                    start = last = time
                continue
            if time is not None and last is not None and time.month < last.month:
                year += 1
                time = _read_time(line, year)
            last = time or last
            yield (None if time is None else (time - start).total_seconds()), line
    if start is None:
        raise ValueError(f"{path}: Start time not found; expected a line 'Solving NAME' of Caffe's log")


def _read_time(line: str, year: int) -> datetime | None:
    found = PREFIX.match(line.strip())
    try:
        numbers = [int(group) for group in found.groups()] if found else []
        return datetime(year, *numbers) if found else None  # type: ignore[arg-type]  # none of them is a time zone
    except ValueError:
        return None
