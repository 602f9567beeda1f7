"""Which DICOM files are taken for chest X-rays. A header can raise a doubt, never prove fitness."""

from pydicom.dataset import Dataset

from imaging.dicom.header import number, text
from imaging.dicom.refused import Refused
from screening.refusals import Code

MODALITIES = frozenset({"CR", "DX"})
LATERAL_VIEWS = frozenset({"LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT"})
# The terms of DICOM for what radiographs show; other words are let through, since many are local.
OTHER_PARTS = frozenset(
    [
        *("SKULL", "HEAD", "EAR", "EYE", "ORBIT", "JAW", "MANDIBLE", "MAXILLA", "ZYGOMA", "NECK"),
        *("SPINE", "CSPINE", "TSPINE", "LSPINE", "SSPINE", "COCCYX", "CLAVICLE", "SCAPULA"),
        *("SHOULDER", "ARM", "HUMERUS", "ELBOW", "FOREARM", "RADIUS", "ULNA", "WRIST", "HAND"),
        *("FINGER", "BREAST", "ABDOMEN", "KUB", "PELVIS", "HIP", "CERVIX", "EXTREMITY", "LEG"),
        *("FEMUR", "KNEE", "PATELLA", "TIBIA", "FIBULA", "ANKLE", "FOOT", "CALCANEUS", "TOE"),
    ]
)

_REPORTS = (
    "1.2.840.10008.5.1.4.1.1.88.",  # structured reports
    "1.2.840.10008.5.1.4.1.1.11.",  # presentation states
)
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."
_FOR_PROCESSING = (
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.1.3.1",
)


def check_suitable(dataset: Dataset) -> None:
    """Raise Refused for what is surely no frontal chest X-ray to be read."""
    sop_class = text(dataset, "SOPClassUID") or ""
    modality = _upper(dataset, "Modality")
    if sop_class.startswith(_DOCUMENTS):
        raise Refused(Code.PDF)
    if sop_class.startswith(_REPORTS) or modality in ("SR", "PR", "KO"):
        raise Refused(Code.REPORT)
    if modality not in MODALITIES:
        raise Refused(Code.MODALITY)
    if (
        sop_class in _FOR_PROCESSING
        or _upper(dataset, "PresentationIntentType") == "FOR PROCESSING"
    ):
        raise Refused(Code.PROCESSING)
    if _upper(dataset, "ViewPosition") in LATERAL_VIEWS:
        raise Refused(Code.LATERAL)
    if _upper(dataset, "BodyPartExamined") in OTHER_PARTS:
        raise Refused(Code.BODY_PART)
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise Refused(Code.KIND)
    if not dataset.get("PixelData"):
        raise Refused(Code.NO_PIXELS)
    if (number(dataset, "NumberOfFrames") or 1) != 1:
        raise Refused(Code.FRAMES)


def _upper(dataset: Dataset, keyword: str) -> str:
    return (text(dataset, keyword) or "").upper()
