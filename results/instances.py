"""A film's result as DICOM: a structured report for programs, a picture for people."""

from pydicom.dataset import Dataset

from results.capture import capture
from results.header import film_of
from results.report import Flavour, report
from screening.precision import LocalPrecision
from screening.record import Record


def instances(
    record: Record,
    header: Dataset | None,
    *,
    picture: bytes | None = None,
    precision: LocalPrecision | None = None,
    flavour: Flavour = "3d",
) -> tuple[Dataset, Dataset]:
    """Return the structured report and the Secondary Capture, both ready for `dcmwrite`.

    `header` is the output of `read_header`, or None for JPEG and PNG films: their results form a
    study of their own, without a known patient. `picture` is the film as PNG or JPEG, to be shown
    beside the finding. `flavour` is the report's SOP class: `3d` is Comprehensive 3D SR,
    `comprehensive` is Comprehensive SR, for a PACS that does not accept the former.
    """
    film = film_of(record, header)
    return report(record, film, precision, flavour), capture(record, film, precision, picture)
