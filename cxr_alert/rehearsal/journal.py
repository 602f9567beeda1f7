"""The journal of a rehearsal: a file with its changes, so that another run can undo them.

Each entry is written before the thing is made. So an entry may be for something that does not
exist, but nothing exists without an entry.
"""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """The kinds of resources, in order of removal: e.g. a policy in use can't be deleted."""

    DENIAL = "denied permission"
    SOURCE = "stopped trigger"
    ROLE = "role"
    STACK = "stack"
    BUCKET = "bucket"
    TABLE = "table"
    QUEUE = "queue"
    KEY = "key"


@dataclass(frozen=True)
class Thing:
    """One thing; `name` is its name in AWS, `of` the role of a denied permission or of a policy."""

    kind: Kind
    name: str
    of: str = ""


@dataclass
class Journal:
    file: Path
    things: list[Thing] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> "Journal":
        if not file.exists():
            return cls(file)
        found = json.loads(file.read_text())
        return cls(file, [Thing(Kind(each["kind"]), each["name"], each["of"]) for each in found])

    def add(self, thing: Thing) -> None:
        if thing not in self.things:
            self.things.append(thing)
            self._write()

    def remove(self, thing: Thing) -> None:
        self.things.remove(thing)
        self._write()

    @property
    def in_order(self) -> list[Thing]:
        order = list(Kind)
        return sorted(self.things, key=lambda each: order.index(each.kind))

    def _write(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps([asdict(each) for each in self.things], indent=2) + "\n")
