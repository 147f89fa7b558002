from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.oracle.comparison import Record
from tests.oracle.fidelity import write_page
from tests.oracle.oracle import Oracle
from tools import real_caffe

PAGE = real_caffe.ROOT / "docs" / "fidelity.md"
_record = Record()


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """Real Caffe; without one, every test that asks for it is skipped and says what is missing."""
    try:
        python = real_caffe.interpreter()
    except real_caffe.NoCaffe as reason:
        pytest.skip(str(reason))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the other core is Caffe's
    found = Oracle(python, tmp_path_factory.mktemp("oracle"))
    _record.oracle = found.name
    yield found
    found.close()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def record() -> Record:
    """Where differences are noted."""
    return _record


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the page, if the whole comparison ran and agreed."""
    ran = {Path(item.path) for item in session.items}
    whole = ran >= set(Path(__file__).parent.glob("test_*.py")) and not session.config.option.keyword
    if whole and exitstatus == pytest.ExitCode.OK and _record.oracle:
        write_page(PAGE, _record)
