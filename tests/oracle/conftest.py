from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fcn_repro.analysis.benchmark import real_caffe
from tests.fixtures.pycaffe_scripts import ROOT, Interpreter
from tests.oracle.comparison import Compare, Record
from tests.oracle.fidelity import write_page
from tests.oracle.oracle import Case, Oracle, run_ours

PAGE = ROOT / "docs" / "fidelity.md"
ALL_SLOW = ("test_real_images.py",)  # modules that the tier leaves to `-m slow`
_record = Record()


@pytest.fixture(scope="session")
def caffe_python() -> str:
    """A Python that imports real Caffe. Without one, every test that needs it is skipped with the reason."""
    try:
        return real_caffe.interpreter()
    except real_caffe.NoCaffe as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def theirs(caffe_python: str) -> Interpreter:
    """Runs scripts and modules with real Caffe."""
    return Interpreter((caffe_python,), real_caffe.ENVIRONMENT)


@pytest.fixture(scope="session")
def oracle(caffe_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """Real Caffe in a child process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # Caffe computes on the other core
    oracle = Oracle(caffe_python, tmp_path_factory.mktemp("oracle"))
    _record.oracle = oracle.name
    yield oracle
    oracle.close()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def record() -> Record:
    """The record of all differences."""
    return _record


@pytest.fixture(scope="session")
def compare(oracle: Oracle, record: Record) -> Compare:
    """Run a case in both engines; record the worst difference and fail if it exceeds the limit."""

    def compare_engines(chapter: str, subject: str, case: Case, limit: float) -> None:
        record.check(chapter, subject, run_ours(case), oracle.run(case), limit)

    return compare_engines


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write docs/fidelity.md if the whole tier ran and passed."""
    ran = {Path(item.path) for item in session.items}
    wanted = {path for path in Path(__file__).parent.glob("test_*.py") if path.name not in ALL_SLOW}
    is_whole = ran >= wanted and not session.config.option.keyword
    if is_whole and exitstatus == pytest.ExitCode.OK and _record.oracle:
        write_page(PAGE, _record)
