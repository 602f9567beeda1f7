"""What a rehearsal made or broke, in a file, so that another run can take it away.

Each thing is written down before it is made: what is in the journal may not be there, but nothing
is there that is not in the journal.
"""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """In the order in which things are taken away: a policy in use can't be deleted, for one."""

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
    """`name` is what AWS calls it; `of` is the role of a denied permission or a role's policy."""

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
