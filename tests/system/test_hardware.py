import os

from fcn_repro.system import hardware


def test_processor_and_instructions_are_read_from_the_system_where_it_lists_them(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "cpuinfo")
    assert hardware.read_processor_name() and hardware.list_instructions() == []
    (tmp_path / "cpuinfo").write_text("model name\t: Some CPU\nflags\t\t: fpu avx avx2 sse\n")
    assert hardware.read_processor_name() == "Some CPU"
    assert hardware.list_instructions() == ["avx2", "avx"]


def test_cores_are_those_that_the_process_may_use():
    assert 1 <= hardware.count_cores() <= (os.cpu_count() or 1)
