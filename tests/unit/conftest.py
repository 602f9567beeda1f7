"""Leaves out the tests of training where PyTorch is not installed, and says so."""

import importlib.util

TORCH = importlib.util.find_spec("torch") is not None

collect_ignore_glob = [] if TORCH else ["test_training_*", "test_laboratory_*"]


def pytest_report_header() -> str:
    if TORCH:
        return ""
    return "PyTorch is not installed (`make build/.training`): tests of training are left out."
