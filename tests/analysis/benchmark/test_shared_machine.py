"""Steps are measured alone and beside processes that are really busy, and compared with the default alone."""

import psutil

from fcn_repro.analysis.benchmark import shared_machine
from fcn_repro.analysis.benchmark.files import BenchmarkFiles
from solvers.benchmark_nets import write_nets


def test_busy_processes_run_inside_the_block_and_end_with_it():
    with shared_machine.busy_processes(2):
        children = psutil.Process().children()
        busy = [child for child in children if child.cmdline()[1:] == ["-c", "while True: pass"]]
        assert len(busy) == 2
        used = [child.cpu_times().user for child in busy]
        while any(child.cpu_times().user - before < 0.05 for child, before in zip(busy, used, strict=True)):
            pass
    assert not any(child.is_running() for child in busy)


def test_every_way_of_waiting_is_measured_under_every_load(tmp_path, monkeypatch):
    files = BenchmarkFiles(tmp_path)
    write_nets(files, "mini-fcn8s", (40, 33), -1)
    monkeypatch.setattr(shared_machine, "SETTLE", 0)
    steps = shared_machine.measure_steps(files.path, 1, 0.05)
    assert {name: list(by_load) for name, by_load in steps.items()} == dict.fromkeys(shared_machine.WAITING, [0, 1, 2])
    assert all(second > 0 for by_load in steps.values() for seconds in by_load.values() for second in seconds)


def test_ratios_are_to_the_default_alone():
    alone, slow = {0: [0.1, 0.1, 9.0], 1: [0.2], 2: [0.3]}, {0: [0.05], 1: [0.4], 2: [1.0]}
    text = shared_machine.format_steps({"by load": alone, "spinning": slow}, "csv")
    assert text.splitlines()[1:] == [
        "by load,100.0,1.00,200.0,2.00,300.0,3.00",
        "spinning,50.0,0.50,400.0,4.00,1000.0,10.00",
    ]
