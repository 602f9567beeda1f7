"""What every destination is, and the two ways in which it may not take a result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydicom.dataset import Dataset


class Away(Exception):
    """The destination can't be reached, or takes nothing now; the message says why.

    No message of this module's errors quotes what a destination sent: it may name a patient.
    """


class Refused(Exception):
    """The destination answered, and did not take this one result; the message says how."""


@dataclass(frozen=True)
class Result:
    """One judgement in all forms: two DICOM instances, a FHIR transaction, an HL7 v2 message."""

    name: str  # of the film and the judgement, without identity
    instances: tuple[Dataset, ...]
    bundle: dict[str, Any]
    message: bytes


class Session(Protocol):
    """A connection, or what stands for one, for the results of one batch."""

    def deliver(self, result: Result) -> None:
        """Return once the destination has said that it has the result; else Away or Refused."""

    def close(self) -> None: ...


class Destination(Protocol):
    """A system of the hospital; `name` is its section in the configuration."""

    @property
    def name(self) -> str: ...

    def open(self) -> Session:
        """Connect; raise Away."""

    def check(self) -> Sequence[str]:
        """Ask whether results could be delivered; return what was found. Raises Away."""
