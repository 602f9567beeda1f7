"""For all tests: which of them share a worker, and what a process keeps of botocore."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader
from xdist.scheduler import LoadFileScheduling

# Beginnings of files whose tests share the stack of their folder's conftest.py; of the end-to-end
# tests there are two halves, each with a stack.
ON_ONE_STACK = ("tests/e2e/test_worklist", "tests/e2e/", "tests/faults/")
WITHOUT_IT = (
    "tests/e2e/test_commands.py",
    "tests/e2e/test_drift.py",
    "tests/faults/test_receiver.py",
    "tests/faults/test_results.py",
)

gc.disable()  # until all tests are collected: a fifth of that time is a search for garbage


@pytest.fixture(scope="session", autouse=True)
def _parsed_once() -> Iterator[None]:
    """Share botocore's models among sessions: to parse a service's takes a tenth of a second."""
    parsed: dict[Any, Any] = {}
    alone = Loader.__init__

    def sharing(loader: Loader, *args: Any, **kwargs: Any) -> None:
        alone(loader, *args, **kwargs)
        loader._cache = parsed  # type: ignore[attr-defined]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "__init__", sharing)
        yield


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Spare the garbage collector all imported modules and collected tests, which stay anyway.

    To look through them takes half a second each time.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Any:
    """Keep files that share a stack together, with `--dist loadfile`."""
    if config.getoption("dist") != "loadfile":
        return None
    scheduler = LoadFileScheduling(config, log)
    scheduler._split_scope = _stack_of
    return scheduler


def _stack_of(test: str) -> str:
    file = test.partition("::")[0]
    if file in WITHOUT_IT:
        return file
    return next((each for each in ON_ONE_STACK if file.startswith(each)), file)
