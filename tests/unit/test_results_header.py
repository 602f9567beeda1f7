"""Headers that violate the standard: each film gets its result anyway."""

import io
import json
import tracemalloc
import zlib
from pathlib import Path

import pydicom
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from results.fhir import bundle
from results.header import UnreadableHeader, film_of, read_header
from results.hl7 import message
from results.instances import instances
from testbed.dicom_films import SECRETS, dicom, film
from tests.results import header, record

TYPE_2 = [
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate"),
    *("StudyTime", "AccessionNumber", "ReferringPhysicianName"),
]
SHIPPED = Path(pydicom.__file__).parent / "data"


def built(of: Dataset | None) -> Dataset:
    """Return the report of a film as it is read again; build its other forms too."""
    report, capture = instances(record(), of)
    for each in (capture, report):
        file = io.BytesIO()
        each.save_as(file, enforce_file_format=True)
    json.dumps(bundle(record(), of))
    message(record(), of)
    file.seek(0)
    return dcmread(file)


def test_missing_attributes_of_type_2_are_empty() -> None:
    present = [name for name in TYPE_2 if name in SECRETS or name == "StudyDate"]
    report = built(header(**dict.fromkeys(present)))
    for name in TYPE_2:
        assert name in report
        assert not report[name].value


@pytest.mark.parametrize(
    "name",
    ["chrJapMulti.dcm", "chrH31.dcm", "chrH32.dcm", "chrKoreanMulti.dcm", "chrX1.dcm"],
)
def test_a_name_in_another_script_stays_the_same(name: str) -> None:
    [file] = SHIPPED.rglob(name)
    with pydicom.dcmread(file, force=True) as original:
        report = built(read_header(file.read_bytes()))
        assert str(report.PatientName) == str(original.PatientName)
    assert report.SpecificCharacterSet == "ISO_IR 192"


def test_a_japanese_name_reaches_the_interface_engine() -> None:
    [file] = SHIPPED.rglob("chrH31.dcm")
    said = message(record(), read_header(file.read_bytes())).decode()
    assert "|Yamada^Tarou^^^^^^A~山田^太郎^^^^^^I~やまだ^たろう^^^^^^P\r" in said


@pytest.mark.parametrize("spacing", ["0,15\\0,15", "0\\0", "word", "", "1\\2\\3"])
def test_odd_spacing_does_not_matter(spacing: str) -> None:
    data = dicom(film(), change=lambda dataset: _raw(dataset, "PixelSpacing", spacing))
    assert built(read_header(data)).PatientID == SECRETS["PatientID"]


def _raw(dataset: Dataset, keyword: str, value: str) -> None:
    dataset.add_new(keyword, "LO", value)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyDate", "20261399"),
        ("StudyTime", "2561"),
        ("PatientSex", "female"),
        ("PatientBirthDate", "2021-10-03"),
    ],
)
def test_a_value_that_breaks_its_type_counts_as_missing(keyword: str, value: str) -> None:
    data = dicom(film(), change=lambda dataset: _raw(dataset, keyword, value))
    assert not built(read_header(data))[keyword].value


def test_a_patient_id_longer_than_its_type_is_kept_whole() -> None:
    number = "4711-" * 20
    data = dicom(film(), change=lambda dataset: _raw(dataset, "PatientID", number))
    assert built(read_header(data)).PatientID == number


def test_the_result_of_a_film_without_uids_is_a_new_study_without_a_reference() -> None:
    data = dicom(film(), change=_without_uids)
    report = built(read_header(data))
    assert report.StudyInstanceUID.startswith("2.25.")
    assert report.PatientID == SECRETS["PatientID"]
    assert "CurrentRequestedProcedureEvidenceSequence" not in report


def _without_uids(dataset: Dataset) -> None:
    for name in ("StudyInstanceUID", "SeriesInstanceUID"):
        delattr(dataset, name)


def test_results_of_a_film_that_is_not_a_dicom_file_have_no_patient() -> None:
    report = built(None)
    assert not report.PatientID
    assert report.StudyInstanceUID == built(None).StudyInstanceUID
    assert "CurrentRequestedProcedureEvidenceSequence" not in report
    other = film_of(record(digest="e" * 64), None)
    assert other.dataset.StudyInstanceUID != report.StudyInstanceUID


def test_no_two_films_of_unknown_patients_share_one() -> None:
    said = {message(record(digest=name * 64), None).split(b"\r")[1] for name in "ab"}
    assert len(said) == 2


def test_a_time_is_shown_in_the_films_time_zone() -> None:
    assert built(header()).ContentTime == "043015.123000"
    report = built(header(TimezoneOffsetFromUTC="-0500"))
    assert (report.ContentDate, report.ContentTime) == ("20261126", "233015.123000")
    assert report.TimezoneOffsetFromUTC == "-0500"


@pytest.mark.parametrize("data", [b"", b"no DICOM at all", b"\xff\xd8\xff\xe0" + bytes(500)])
def test_a_file_that_is_not_dicom_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(UnreadableHeader, match=r"no DICOM header that can be read: .*\.$"):
        read_header(data)


def test_a_deflated_bomb_does_not_unfold() -> None:
    data = dicom(film(), DeflatedExplicitVRLittleEndian)
    start = 144 + int.from_bytes(data[140:144], "little")
    tags = zlib.decompress(data[start:], -zlib.MAX_WBITS)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = packer.compress(tags) + packer.compress(bytes(100 * 1024 * 1024)) + packer.flush()
    data = data[:start] + bomb
    assert len(data) < 1024 * 1024
    tracemalloc.start()
    try:
        found = read_header(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 64 * 1024 * 1024
    assert built(found).PatientID == SECRETS["PatientID"]
