"""Leaves out the tests of training where PyTorch is not installed, and says so."""

import importlib.util

import pytest

TORCH = importlib.util.find_spec("torch") is not None

collect_ignore_glob = [] if TORCH else ["test_training_*", "test_laboratory_*"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not TORCH:
        terminalreporter.write_line(
            "PyTorch is not installed (`make build/.training`): tests of training were left out."
        )
