"""Which tests one worker of `make test` runs: those of a file, or all that share a local stack."""

from pathlib import Path

import pytest

_ROOT = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # Every worker that runs one of these starts the stack anew.
        shared = "deployed" in getattr(item, "fixturenames", ())
        place = item.path.parent if shared else item.path
        item.add_marker(pytest.mark.xdist_group(place.relative_to(_ROOT).as_posix()))
