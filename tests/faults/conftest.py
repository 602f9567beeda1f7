"""One stack for the fault suite, with a proxy between its function and everything else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cxr_alert.local import mail
from tests.faults.broken_cloud import BrokenCloud, running

RESULTS: list[tuple[str, str, str]] = []


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokenCloud]:
    state: Path = tmp_path_factory.mktemp("faults")
    parameters = {
        "NotificationEmail": mail.ADDRESS,
        "MaximumConcurrency": "2",
        "RetrySeconds": "1",
        "DigestSeconds": "1",
    }
    with running(state, parameters) as broken:
        yield broken
        log = broken.log()
        assert log
        told = [line for line in log if any(key in line for key, _ in broken.ledger.dropped)]
        assert told == [], "the function's log holds object keys"


@pytest.fixture
def cloud(deployed: BrokenCloud) -> Iterator[BrokenCloud]:
    yield deployed
    deployed.settle()
    assert deployed.ledger.audit().sound


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of docs/reliability.md."""
    if RESULTS:
        terminalreporter.section("faults")
        for row in [("fault", "expected", "result"), ("---", "---", "---"), *RESULTS]:
            terminalreporter.write_line("| " + " | ".join(row) + " |")
