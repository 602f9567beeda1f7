"""The result of rendering a film, in a separate module so that the type imports no codec."""

from dataclasses import dataclass

from screening.facts import Facts


@dataclass(frozen=True)
class Rendition:
    png: bytes
    facts: Facts | None  # of a DICOM file
    picture: bytes | None = None  # of a DICOM file: in its full depth, for readers
