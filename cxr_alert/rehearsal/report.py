"""The report of a rehearsal: JSON for programs, Markdown for people, without the account's id."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from cxr_alert.rehearsal.steps import NOT_REHEARSED, Step
from cxr_alert.rehearsal.takedown import Leftover

_ACCOUNT = re.compile(r"\b\d{12}\b")


class Verdict(StrEnum):
    HELD = "held"
    REFUTED = "refuted"
    NOT_JUDGED = "not judged here"
    NOT_REACHED = "not reached"


@dataclass(frozen=True)
class Outcome:
    name: str
    findings: str
    assumption: str
    verdict: Verdict
    seen: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, step: Step, verdict: Verdict, seen: str = "", seconds: float = 0.0) -> "Outcome":
        return cls(step.name, step.findings, step.assumption, verdict, seen, round(seconds, 1))


@dataclass
class Report:
    began: str
    cloud: str  # "AWS" or "emulator"
    region: str
    revision: str
    outcomes: list[Outcome] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    not_rehearsed: Sequence[str] = NOT_REHEARSED

    @property
    def refuted(self) -> bool:
        return any(each.verdict is Verdict.REFUTED for each in self.outcomes)

    def write(self, folder: Path) -> tuple[Path, Path]:
        folder.mkdir(parents=True, exist_ok=True)
        files = folder / "report.json", folder / "report.md"
        files[0].write_text(_without_account(json.dumps(asdict(self), indent=2)) + "\n")
        files[1].write_text(_without_account(self._markdown()))
        return files

    def _markdown(self) -> str:
        lines = [
            "# Rehearsal",
            "",
            f"Began {self.began}, {self.cloud}, {self.region}, revision {self.revision}.",
            "",
            "| step | finding | assumption | result | seen | s |",
            "| --- | --- | --- | --- | --- | --- |",
            *(
                _row(
                    each.name, each.findings, each.assumption, each.verdict, each.seen, each.seconds
                )
                for each in self.outcomes
            ),
            "",
            "## Left over",
            "",
            *([f"- {each.what}: {each.why}" for each in self.leftovers] or ["Nothing."]),
            "",
            "## Not rehearsed",
            "",
            *(f"- {each}" for each in self.not_rehearsed),
            "",
        ]
        return "\n".join(lines)


def _row(*cells: object) -> str:
    shown = (str(each).replace("|", "\\|").replace("\n", "<br>") for each in cells)
    return f"| {' | '.join(shown)} |"


def _without_account(text: str) -> str:
    return _ACCOUNT.sub("ACCOUNT", text)
