import logging
import re
import subprocess
import sys
import threading
import time

import pytest

from fcn_repro import caffe
from fcn_repro.caffe.glog import GlogFormatter

NAMES = """
    Net SGDSolver NesterovSolver AdaGradSolver RMSPropSolver AdaDeltaSolver AdamSolver get_solver NCCL has_nccl
    solver_count set_solver_count solver_rank set_solver_rank set_multiprocess Timer init_log log __version__
    set_mode_cpu set_mode_gpu set_device set_random_seed Layer layer_type_list TRAIN TEST Classifier Detector
    layers params NetSpec to_proto io proto coord_map draw pycaffe net_spec classifier detector
"""


def test_has_pycaffes_names_phases_and_layer_types():
    assert [name for name in NAMES.split() if not hasattr(caffe, name)] == []
    assert caffe.pycaffe.Net is caffe.Net and caffe.pycaffe.AdamSolver is caffe.AdamSolver
    assert caffe.layers is caffe.net_spec.layers and caffe.params is caffe.net_spec.params
    assert (caffe.TRAIN, caffe.TEST) == (0, 1)
    assert caffe.proto.caffe_pb2.Phase.Value("TEST") == caffe.TEST
    types = caffe.layer_type_list()
    assert {"Data", "Convolution", "InnerProduct", "Python"} <= set(types)
    assert types == sorted(types)


SETTINGS = """
import ctypes
called = []
class CDLL(ctypes.CDLL):
    def __getattr__(self, name):
        called.append(name)
        return super().__getattr__(name)
ctypes.CDLL = CDLL
from fcn_repro import caffe
print("mallopt" in called)
caffe.Net.from_param(caffe.NetSpec().to_proto())
print("mallopt" in called)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_importing_changes_no_malloc_setting_and_the_first_net_does():
    done = subprocess.run([sys.executable, "-c", SETTINGS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


# ---- several solvers


def test_each_thread_has_its_rank_by_default_that_of_the_only_solver():
    seen = []

    def train():
        caffe.set_solver_count(2)
        caffe.set_solver_rank(1)
        seen.append((caffe.solver_count(), caffe.solver_rank()))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert seen == [(2, 1)]
    assert (caffe.solver_count(), caffe.solver_rank()) == (1, 0)


# ---- Timer


def test_a_timer_measures_from_start_to_stop():
    timer = caffe.Timer()
    assert timer.ms == 0
    timer.start()
    time.sleep(0.02)
    timer.stop()
    measured = timer.ms
    assert 20 <= measured < 2000
    time.sleep(0.01)
    timer.stop()
    assert timer.ms == measured


def test_reading_a_timer_stops_it():
    timer = caffe.Timer()
    timer.start()
    timer.start()
    assert timer.ms == timer.ms > 0


# ---- the log


@pytest.fixture
def caffe_log():
    log = logging.getLogger("caffe")
    level, handlers, propagate = log.level, list(log.handlers), log.propagate
    yield log
    log.setLevel(level)
    log.handlers[:], log.propagate = handlers, propagate


def test_lines_have_glogs_format(caffe_log):
    record = logging.LogRecord("caffe", logging.WARNING, "/engine/solver.py", 12, "%s is %d", ("iter", 3), None)
    line = GlogFormatter().format(record)
    assert re.fullmatch(r"W\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ solver\.py:12\] iter is 3", line)
    thread = f"{threading.get_native_id():5}"  # glog pads it to five places
    assert f" {thread} solver.py" in line


def test_init_log_sets_the_lowest_level(caffe_log, capsys):
    caffe.init_log()
    caffe.log("first")
    caffe.init_log(1)
    caffe.log("second")
    caffe.init_log(0, True)
    caffe.log("third")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("] ")[1] for line in lines] == ["first", "third"]
    assert "test_pycaffe_module.py" in lines[0]


def test_without_stderr_only_errors_are_written(caffe_log, capsys):
    caffe.init_log(0, False)
    caffe.log("hidden")
    caffe_log.error("shown")
    assert capsys.readouterr().err.endswith("] shown\n")


def test_without_a_level_the_environment_decides_as_it_is_at_the_first_message(caffe_log, capsys, monkeypatch):
    monkeypatch.delenv("GLOG_minloglevel", raising=False)
    caffe.init_log()
    monkeypatch.setenv("GLOG_minloglevel", "1")  # by a script, before its import
    caffe.log("hidden")
    caffe_log.warning("shown")
    monkeypatch.setenv("GLOG_minloglevel", "3")
    caffe_log.warning("shown, too")
    assert [line.split("] ")[1] for line in capsys.readouterr().err.splitlines()] == ["shown", "shown, too"]


@pytest.mark.parametrize(("value", "shown"), [("0", 4), ("2", 2), ("9", 1), ("-3", 4), ("much", 4), ("", 4)])
def test_any_text_in_the_environment_is_a_level(caffe_log, capsys, monkeypatch, value, shown):
    monkeypatch.setenv("GLOG_minloglevel", value)
    caffe.init_log()
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        caffe_log.log(level, "message")
    assert len(capsys.readouterr().err.splitlines()) == shown
