"""Each hazard's control, and each finding of the audit, names a test that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["safety.md", "reliability.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    files = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    named = re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)(?:::(test_\w+))?`", text)
    assert len(named) >= 15
    for file, test in named:
        assert file in files
        assert f"def {test}" in files[file], f"{file}::{test}"
