"""The Secondary Capture: the result as a picture for any viewer."""

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from results.header import Film
from results.instance import instance_uid, new_instance, reference
from results.picture import draw
from results.wording import PRODUCT, previous
from screening.precision import LocalPrecision
from screening.record import Record

KIND = "sc"
SERIES_NUMBER = 9902

_SOURCE = ("121322", "DCM", "Source image for image processing operation")
_REPLACED = ("121360", "DCM", "Replaced report")


def capture(
    record: Record, film: Film, precision: LocalPrecision | None, picture: bytes | None
) -> Dataset:
    """Return the Secondary Capture of a record's last judgement."""
    dataset = new_instance(
        record,
        film,
        kind=KIND,
        sop_class=SecondaryCaptureImageStorage,
        modality="OT",
        number=SERIES_NUMBER,
    )
    drawn = draw(record, precision, picture)
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.BurnedInAnnotation = "YES"
    dataset.PatientOrientation = None
    dataset.DerivationDescription = f"Result of {PRODUCT} in words, with the film beside it."
    dataset.DateOfSecondaryCapture = dataset.ContentDate
    dataset.TimeOfSecondaryCapture = dataset.ContentTime
    if film.referable:
        source = reference(film.dataset.SOPClassUID, film.dataset.SOPInstanceUID)
        source.PurposeOfReferenceCodeSequence = [_code(*_SOURCE)]
        dataset.SourceImageSequence = [source]
    replaced = previous(record)
    if replaced:
        older = reference(SecondaryCaptureImageStorage, instance_uid(KIND, film, replaced))
        older.PurposeOfReferenceCodeSequence = [_code(*_REPLACED)]
        dataset.ReferencedInstanceSequence = [older]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Columns, dataset.Rows = drawn.size
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = drawn.tobytes()
    dataset["PixelData"].VR = "OB"
    return dataset


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
