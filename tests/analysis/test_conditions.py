from fcn_repro.analysis import conditions
from fcn_repro.analysis.conditions import collect_conditions, format_conditions
from fcn_repro.engine import caffe


def test_conditions_name_processor_threads_engine_and_settings(monkeypatch):
    monkeypatch.setattr(conditions, "read_processor_name", lambda: "Some CPU")
    monkeypatch.setattr(conditions, "list_instructions", lambda: ["avx2", "avx"])
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with caffe.kernels.disabled():
        found = collect_conditions()
    assert (found["processor"], found["instructions"], found["threads"]) == ("Some CPU", "avx2", 3)
    assert found["plain"] is True and str(found["engine"]).startswith("torch ")
    text = format_conditions(found)
    assert text.startswith(f"Some CPU, avx2, 3 threads on {found['cores']} cores; torch ") and "f32 PLAIN=1" in text


def test_threads_default_to_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = collect_conditions()
    assert found["threads"] == found["cores"] and found["plain"] is False
