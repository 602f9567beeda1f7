"""The attributes that report and capture share: patient, study, series, device and times."""

from datetime import datetime, timedelta, timezone

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from results.header import Film
from results.identifiers import derived, result_id, series_uid, uid
from results.wording import MANUFACTURER, PRODUCT, time_of
from screening.judgement import Judgement
from screening.record import Record

_IMPLEMENTATION = uid(derived("implementation"))
_OF_THE_FILM = {"SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality"}


def instance_uid(kind: str, film: Film, judgement: Judgement) -> str:
    """Return the SOP Instance UID of a result: a new one for every judgement of a film."""
    return uid(result_id(kind, film.name, judgement))


def new_instance(
    record: Record, film: Film, *, kind: str, sop_class: UID, modality: str, number: int
) -> Dataset:
    """Return a data set that is ready for `dcmwrite`, except for its content.

    `number` is the series number. Series attributes are the same for all films of a study.
    """
    dataset = Dataset()
    for element in film.dataset:
        if element.keyword not in _OF_THE_FILM:
            dataset.add(element)
    at = local_time(film, record.judgement.classified)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = instance_uid(kind, film, record.judgement)
    dataset.InstanceNumber = len(record.earlier) + 1
    dataset.SeriesInstanceUID = series_uid(kind, film.dataset.StudyInstanceUID)
    dataset.SeriesNumber = number
    dataset.SeriesDescription = f"{PRODUCT}: not for diagnosis"
    dataset.Modality = modality
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = PRODUCT
    for day, time in (
        ("ContentDate", "ContentTime"),
        ("InstanceCreationDate", "InstanceCreationTime"),
    ):
        setattr(dataset, day, f"{at:%Y%m%d}")
        setattr(dataset, time, f"{at:%H%M%S.%f}")
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
    return dataset


def reference(sop_class: str, instance: str) -> Dataset:
    """Return the item that points at an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = instance
    return item


def local_time(film: Film, stamp: str) -> datetime:
    """Return a time in the film's time zone, or in UTC if the film names none.

    A time zone of our own in the result would shift the study's times, which it copies.
    """
    offset = film.dataset.get("TimezoneOffsetFromUTC", "")
    if not offset:
        return time_of(stamp)
    minutes = int(offset[1:3]) * 60 + int(offset[3:])
    zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    return time_of(stamp).astimezone(zone)
