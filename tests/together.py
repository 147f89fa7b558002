"""Ranks of one training, each in a process of its own, forked from one that has everything loaded: that is quick."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

import torch

ROOT = Path(__file__).resolve().parents[1]
LOADED = ["torch.distributed", "fcn_repro.solve", "tools.score"]
TIMEOUT_S = 120  # for what takes a second, on a machine that is busy


def together(work: Callable, each: Sequence[Sequence[Any]], as_torchrun: bool = False) -> list[Any]:
    """What `work(*arguments)` returns in each of some processes, one per list of arguments; all run at the same time.

    `as_torchrun` puts into their environments what torchrun would. Fails where one of them raises or ends otherwise.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    with mock.patch.dict(os.environ, PYTHONPATH=str(ROOT)):
        forkserver.ensure_running()
    port = free_port()
    ends, processes = [], []
    for rank, arguments in enumerate(each):
        environment = torchrun_environment(rank, len(each), port) if as_torchrun else {}
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(there, environment, work, arguments), daemon=True)
        process.start()
        there.close()
        ends.append(here)
        processes.append(process)
    try:
        told = [_told(end) for end in ends]
    finally:
        for process in processes:
            process.kill()
            process.join()
    troubles = [trouble for _, trouble in told if trouble]
    assert not troubles, "\n".join(troubles)
    return [result for result, _ in told]


def torchrun_environment(rank: int, ranks: int, port: int) -> dict[str, str]:
    """The variables that torchrun sets and that are read here."""
    numbers = {"RANK": rank, "WORLD_SIZE": ranks, "LOCAL_RANK": rank, "MASTER_PORT": port}
    return {
        "MASTER_ADDR": "127.0.0.1",
        "TORCHELASTIC_RUN_ID": "test",
        **{name: str(number) for name, number in numbers.items()},
    }


def free_port() -> int:
    """A port that nobody listens at."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _run(end: Connection, environment: dict[str, str], work: Callable, arguments: Sequence[Any]) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    try:
        end.send((work(*arguments), None))
    except BaseException:  # noqa: BLE001 - SystemExit, too
        end.send((None, traceback.format_exc()))


def _told(end: Connection) -> tuple[Any, str | None]:
    try:
        return end.recv() if end.poll(TIMEOUT_S) else (None, f"nothing came of it within {TIMEOUT_S} s")
    except EOFError:
        return None, "it ended without a word"
