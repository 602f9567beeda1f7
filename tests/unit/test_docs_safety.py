"""Each hazard's control names a test that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_hazard_log_names_exists() -> None:
    text = (ROOT / "docs" / "safety.md").read_text()
    files = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    named = re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)(?:::(test_\w+))?`", text)
    assert len(named) >= 15
    for file, test in named:
        assert file in files
        assert f"def {test}" in files[file], f"{file}::{test}"
