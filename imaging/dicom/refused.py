"""Reasons why a DICOM file is not screened: a code for programs, a sentence for the sender."""

from collections.abc import Iterator
from contextlib import contextmanager

from imaging.refusals import NotReadable
from screening.refusals import Code

SENTENCES = {
    Code.MODALITY: (
        "The file is not a radiograph: only the modalities CR and DX are screened. "
        "Send the chest X-ray itself."
    ),
    Code.REPORT: (
        "The file is a report or a presentation state, not an image. Send the chest X-ray itself."
    ),
    Code.PDF: "The file is a document in DICOM, not an image. Send the chest X-ray itself.",
    Code.PROCESSING: (
        "The image is marked For Processing: raw detector data that no one reads. "
        "Send the image For Presentation."
    ),
    Code.LATERAL: (
        "The film was taken from the side or at a slant. Send the frontal view (PA or AP)."
    ),
    Code.BODY_PART: "The film shows another part of the body. Send a chest X-ray.",
    Code.NO_PIXELS: "The file has no image in it. Send the X-ray with its pixels.",
    Code.FRAMES: "The file contains several images. Send the chest X-ray as a file with one image.",
    Code.KIND: (
        "The image is not stored as grey levels of 8 to 16 bits in a way that radiographs use. "
        "Send it as a usual CR or DX image."
    ),
    Code.DIRECTORY: (
        "The file is the directory (DICOMDIR) of a disc, not an image. Send the films beside it."
    ),
    Code.FLAT: (
        "The image is nearly all one grey level. "
        "Export the film again, and check it on a screen before sending it."
    ),
    Code.BROKEN: "The DICOM file is damaged or incomplete. Send it again.",
    Code.TOO_LARGE: (
        "The DICOM file takes more memory or time than a radiograph needs. Send it as a usual "
        "CR or DX image."
    ),
}


class Refused(NotReadable):
    """A DICOM file that is not screened; `code` is a key of SENTENCES.

    `tag` is the keyword of the tag that gives the reason, if there is one.
    """

    def __init__(self, code: Code, tag: str | None = None) -> None:
        named = f" The tag {tag} says so." if tag else ""
        super().__init__(SENTENCES[code] + named)
        self.code = code


@contextmanager
def blaming_the_file() -> Iterator[None]:
    """Blame the file for any error of the libraries while reading; no list of them exists."""
    try:
        yield
    except NotReadable:
        raise
    except MemoryError:
        raise Refused(Code.TOO_LARGE) from None
    except Exception:  # noqa: BLE001 - so of any kind
        # Without the cause: its message may quote the patient.
        raise Refused(Code.BROKEN) from None
