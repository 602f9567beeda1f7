"""Why a DICOM file is not screened: a code for programs, a sentence for whoever sent it."""

from collections.abc import Iterator
from contextlib import contextmanager

from imaging.refusals import NotReadable
from screening.refusals import Code

SENTENCES = {
    Code.MODALITY: (
        "The file is no radiograph: only the modalities CR and DX are screened. "
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
    Code.FRAMES: "The file holds several images. Send the chest X-ray as a file with one image.",
    Code.KIND: (
        "The image is not stored as grey levels of 8 to 16 bits in a way that radiographs use. "
        "Send it as a usual CR or DX image."
    ),
    Code.DIRECTORY: (
        "The file is the directory (DICOMDIR) of a disc, not an image. "
        "Send the films that lie beside it."
    ),
    Code.FLAT: (
        "The image shows next to nothing: nearly all of it is one grey level. "
        "Export the film anew, and check it on a screen before sending it."
    ),
    Code.BROKEN: "The DICOM file is damaged or incomplete. Send it again.",
    Code.TOO_LARGE: (
        "The DICOM file takes more memory or time than a radiograph needs. Send it as a usual "
        "CR or DX image."
    ),
}


class Refused(NotReadable):
    """A DICOM file that is not screened; `code` is a key of SENTENCES.

    `tag` is the keyword of the tag that says so, where one does.
    """

    def __init__(self, code: Code, tag: str | None = None) -> None:
        named = f" The tag {tag} says so." if tag else ""
        super().__init__(SENTENCES[code] + named)
        self.code = code


@contextmanager
def blaming_the_file() -> Iterator[None]:
    """What the libraries raise while they read is about the file: no list says what it may be."""
    try:
        yield
    except NotReadable:
        raise
    except MemoryError:
        raise Refused(Code.TOO_LARGE) from None
    except Exception:  # noqa: BLE001 - so of any kind
        # Without the cause: its words may quote the patient.
        raise Refused(Code.BROKEN) from None
