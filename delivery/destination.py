"""The interface of a destination, and its two errors for results that it does not accept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydicom.dataset import Dataset


class Away(Exception):
    """The destination can't be reached, or accepts nothing now; the message gives the reason.

    No error of this module quotes a destination's answer, which may name a patient.
    """


class Refused(Exception):
    """The destination answered, but did not accept this result; the message gives the reason."""


@dataclass(frozen=True)
class Result:
    """One judgement in all forms: two DICOM instances, a FHIR transaction, an HL7 v2 message."""

    name: str  # of the film and the judgement, without identity
    instances: tuple[Dataset, ...]
    bundle: dict[str, Any]
    message: bytes


class Session(Protocol):
    """A connection, or its equivalent, for the results of one batch."""

    def deliver(self, result: Result) -> None:
        """Return once the destination has confirmed the result; else raise Away or Refused."""

    def close(self) -> None: ...


class Destination(Protocol):
    """A system of the hospital; `name` is its section in the configuration."""

    @property
    def name(self) -> str: ...

    def open(self) -> Session:
        """Connect; raise Away."""

    def check(self) -> Sequence[str]:
        """Ask whether results could be delivered; return what was found. Raises Away."""
