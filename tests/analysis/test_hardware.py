import os

from fcn_repro.analysis import hardware


def test_facts_name_processor_threads_engine_and_settings(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("model name\t: Some CPU\nflags\t\t: fpu avx avx2 sse\n")
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("PLAIN", "1")
    facts = hardware.facts()
    assert facts["processor"] == "Some CPU"
    assert facts["instructions"] == "avx2"
    assert facts["threads"] == 3
    assert facts["plain"] is True
    assert str(facts["engine"]).startswith("torch ")
    assert hardware.told(facts).startswith(f"Some CPU, avx2, 3 threads on {facts['cores']} cores; torch ")


def test_threads_are_as_many_as_there_are_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    facts = hardware.facts()
    assert facts["threads"] == facts["cores"] <= (os.cpu_count() or 1)


def test_a_machine_that_does_not_tell_is_described_all_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "CPUINFO", tmp_path / "missing")
    assert hardware.facts()["processor"]
