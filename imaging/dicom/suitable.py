"""Decide which DICOM files are accepted as chest X-rays.

A header can raise a doubt, but never prove that a film is suitable. Each tag about modality, view
or body part is checked by itself. A tag that clearly contradicts a frontal chest film rejects the
file, and the rejection names the tag.
"""

from collections.abc import Iterator

from imaging.dicom.codes import CHEST, FRONTAL_VIEWS, OTHER_PARTS, SIDE_VIEWS
from imaging.dicom.header import Coded, Header
from imaging.dicom.refused import Refused
from imaging.dicom.vocabulary import names_chest, names_frontal, names_other_part, names_side
from screening.refusals import Code

_IMAGES = "1.2.840.10008.5.1.4.1.1."
_RADIOGRAPHS = frozenset(
    {
        f"{_IMAGES}1",  # Computed Radiography
        f"{_IMAGES}1.1",  # Digital X-Ray For Presentation
        f"{_IMAGES}1.1.1",  # Digital X-Ray For Processing
    }
)
_CAPTURES = f"{_IMAGES}7"  # Secondary Capture, e.g. digitised films
# DR and RG are not terms for it, but occur in practice.
_RADIOGRAPH_MODALITIES = frozenset({"CR", "DX", "DR", "RG"})
# Beside a radiograph's SOP class these contradict it; other words do not.
_OTHER_MODALITIES = frozenset(
    "BMD CT ECG ES GM IO IVUS MG MR NM OP OPT PT PX RF SM US XA XC".split()  # noqa: SIM905
)
_REPORTS = (f"{_IMAGES}88.", f"{_IMAGES}11.")  # structured reports, presentation states
_DOCUMENTS = f"{_IMAGES}104."
_DIRECTORY = "1.2.840.10008.1.3.10"
_FOR_PROCESSING = (f"{_IMAGES}1.1.1", f"{_IMAGES}1.2.1", f"{_IMAGES}1.3.1")
_STUDY = "StudyDescription"


def check_suitable(header: Header) -> None:
    """Raise Refused for a file that is certainly not a frontal chest X-ray for diagnosis."""
    _check_kind(header)
    if header.sop_class in _FOR_PROCESSING or header.intent == "FOR PROCESSING":
        raise Refused(Code.PROCESSING)
    if tag := _tag_of_another_view(header):
        raise Refused(Code.LATERAL, tag)
    if tag := _tag_of_another_part(header):
        raise Refused(Code.BODY_PART, tag)
    if header.float_pixels:
        raise Refused(Code.KIND)
    if header.frames != 1:
        raise Refused(Code.FRAMES)
    if not header.pixels:
        raise Refused(Code.NO_PIXELS)


def _check_kind(header: Header) -> None:
    kind, modality = header.sop_class, header.modality
    if header.directory or kind == _DIRECTORY:
        raise Refused(Code.DIRECTORY)
    if kind.startswith(_DOCUMENTS):
        raise Refused(Code.PDF)
    if kind.startswith(_REPORTS) or modality in ("SR", "PR", "KO"):
        raise Refused(Code.REPORT)
    if kind in _RADIOGRAPHS:
        radiograph = modality not in _OTHER_MODALITIES
    elif kind.startswith(_IMAGES) and not kind.startswith(_CAPTURES):
        radiograph = False
    else:
        radiograph = modality in _RADIOGRAPH_MODALITIES
    if not radiograph:
        raise Refused(Code.MODALITY)


def _tag_of_another_view(header: Header) -> str | None:
    """Return the tag that shows that the film is not frontal, if there is one."""
    frontal = names_frontal(header.view) or any(_frontal(code) for code in header.views)
    for tag, text in (("ViewPosition", header.view), *header.descriptions):
        if tag == _STUDY and frontal:
            continue  # tags of the study count only for a film without such tags
        if names_side(text) and not names_frontal(text):
            return tag
    if any(_side(code) for code in header.views):
        return "ViewCodeSequence"
    return "PatientOrientation" if _seen_from_the_side(header.orientation) else None


def _tag_of_another_part(header: Header) -> str | None:
    """Return the tag that names another body part than the chest, if there is one."""
    for tag, text in (("BodyPartExamined", header.body_part), *header.descriptions):
        if tag == _STUDY and names_chest(_nearest(header)):
            continue
        if names_other_part(text) and not names_chest(text):
            return tag
    if any(_other_part(code) for code in header.regions) and not any(
        code.value in CHEST or names_chest(code.meaning) for code in header.regions
    ):
        return "AnatomicRegionSequence"
    return None


def _nearest(header: Header) -> str:
    """Return the texts about this film, or else those about its study."""
    texts: Iterator[str] = (text for tag, text in header.descriptions if tag != _STUDY)
    return " ".join((header.body_part, *texts, *(code.meaning for code in header.regions)))


def _side(code: Coded) -> bool:
    named = names_side(code.meaning) and not names_frontal(code.meaning)
    return code.value in SIDE_VIEWS or (code.value not in FRONTAL_VIEWS and named)


def _frontal(code: Coded) -> bool:
    return code.value in FRONTAL_VIEWS or names_frontal(code.meaning)


def _other_part(code: Coded) -> bool:
    named = names_other_part(code.meaning) and not names_chest(code.meaning)
    return code.value in OTHER_PARTS or (code.value not in CHEST and named)


def _seen_from_the_side(orientation: tuple[str, ...]) -> bool:
    """Return whether rows or columns run from front to back, and the others from head to feet."""
    if len(orientation) != 2:
        return False
    directions = {each[:1] for each in orientation}
    return bool(directions & {"A", "P"}) and bool(directions & {"H", "F"})
