"""docs/reliability.md has the table of the faults."""

from pathlib import Path

from tests.faults.faults import FAULTS

PAGE = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()


def test_every_fault_is_on_the_page_with_its_expected_effect() -> None:
    missing = [fault.name for fault in FAULTS if f"| {fault.name} | {fault.expected} |" not in PAGE]
    assert missing == []
