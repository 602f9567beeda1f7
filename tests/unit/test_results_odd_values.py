"""Random values in a film's header: the film still gets its result."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from results.fhir import bundle
from results.header import UnreadableHeader, read_header
from results.hl7 import message
from results.instances import instances
from testbed.dicom_films import dicom, film
from tests.results import record
from tests.unit.test_imaging_odd_files import with_element

KEYWORDS = [
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge", "StudyID"),
    *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyDescription"),
    *("IssuerOfPatientID", "TimezoneOffsetFromUTC", "Modality", "SpecificCharacterSet"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"),
]


@pytest.mark.thorough
@settings(deadline=None, max_examples=150)
@given(
    keyword=st.sampled_from(KEYWORDS),
    vr=st.sampled_from(["LO", "PN", "CS", "DA", "TM", "UI", "UN", "US", "OB", "SQ", "DS"]),
    value=st.one_of(
        st.binary(max_size=80),
        st.text("0123456789.^=\\|&~ aé山+-", max_size=80).map(str.encode),
        st.sampled_from([b"\\ISO 2022 IR 87", b"ISO_IR 999", b"+1400", b"A\\B", b"=\xe5\xb1\xb1="]),
    ),
)
def test_no_value_of_a_header_blocks_a_result(keyword: str, vr: str, value: bytes) -> None:
    try:
        found = read_header(with_element(keyword, vr, value))
    except UnreadableHeader:
        found = None
    json.dumps(bundle(record(), found)).encode()
    message(record(), found)
    for built in instances(record(), found):
        file = io.BytesIO()
        built.save_as(file, enforce_file_format=True)
        file.seek(0)
        again = dcmread(file)
        assert again.SOPInstanceUID == built.SOPInstanceUID
        assert again.StudyInstanceUID


def test_a_patient_number_with_a_backslash_is_kept() -> None:
    report, _ = instances(record(), read_header(dicom(film(), tags={"PatientID": "A\\B"})))
    assert list(report.PatientID) == ["A", "B"]
    said = message(record(), read_header(dicom(film(), tags={"PatientID": "A\\B"})))
    assert rb"|A\E\B^^^^MR|" in said
