"""The result as an HL7 v2.5.1 message, ORU^R01, by IHE's Results Distribution (RAD-128)."""

import re
from collections.abc import Iterable

from pydicom.dataset import Dataset

from results.header import Film, film_of
from results.identifiers import derived, result_id
from results.wording import PRODUCT, comments, percent, previous, time_of
from screening.judgement import Finding
from screening.precision import LocalPrecision
from screening.record import Record

KIND = "hl7"
_CONTROL_CHARACTERS = 20  # limit of MSH-10
_PROCEDURE = "36554-4^XR Chest Single view^LN"
_VALUES = {
    Finding.PNEUMONIA: "10828004^Positive^SCT",
    Finding.NORMAL: "260385009^Negative^SCT",
    Finding.REJECTED: "373068000^Undetermined^SCT",
}
_ABNORMAL = {Finding.PNEUMONIA: "POS", Finding.NORMAL: "NEG", Finding.REJECTED: ""}
_ESCAPES = {ord(sign): f"\\{letter}\\" for sign, letter in zip("\\|^~&", "EFSRT", strict=True)}
_PRELIMINARY = "P"
_REPRESENTATIONS = "AIP"  # alphabetic, ideographic, phonetic: HL7 table 4000, in DICOM's order


def message(
    record: Record, header: Dataset | None, precision: LocalPrecision | None = None
) -> bytes:
    """Return the message in UTF-8, with segments ended by carriage returns, without MLLP's frame.

    Its control id is the same each time it is built, so that an engine can detect a repetition.
    """
    film = film_of(record, header)
    judgement = record.judgement
    at = _time(judgement.classified)
    identifier = result_id(KIND, film.name, judgement)
    segments = [
        _segment(
            "MSH", r"^~\&", "CXR_ALERT", "", "", "", at, "", "ORU^R01^ORU_R01",
            identifier.hex[:_CONTROL_CHARACTERS], "P", "2.5.1", "", "", "AL", "NE", "",
            "UNICODE UTF-8",
        ),
        _patient(film),
        _segment("PV1", "1", "N"),
        _segment("ORC", "RE", "", str(identifier)),
        _request(film, str(identifier), at),
        *_observations(record, film, precision, at),
    ]  # fmt: skip
    return "".join(f"{segment}\r" for segment in segments).encode()


def _patient(film: Film) -> str:
    issuer = _escaped(film.text("IssuerOfPatientID"))
    # PID-3 and PID-5 are required. Films of unknown patients must not share a patient number.
    number = _escaped(film.text("PatientID")) or f"UNIDENTIFIED-{derived('patient', film.name).hex}"
    name = _name(film.text("PatientName")) or "UNIDENTIFIED"
    return _segment(
        "PID", "1", "", f"{number}^^^{issuer}^MR", "", name, "", film.text("PatientBirthDate"),
        film.text("PatientSex"),
    )  # fmt: skip


def _name(name: str) -> str:
    """Return each representation of a DICOM name as a repetition, coded if there are several."""
    representations = [each.split("^") for each in name.split("=")]
    found = []
    for kind, parts in zip(_REPRESENTATIONS, representations, strict=False):
        family, given, middle, prefix, suffix = [*map(_escaped, parts), *[""] * 5][:5]
        # HL7 has suffix and prefix in the opposite order.
        if any(parts):
            code = f"^^^{kind}" if len(representations) > 1 else ""
            found.append(f"{'^'.join((family, given, middle, suffix, prefix))}{code}".rstrip("^"))
    return "~".join(found)


def _request(film: Film, identifier: str, at: str) -> str:
    study_time = film.text("StudyTime").partition(".")[0] if film.text("StudyDate") else ""
    fields = {
        1: "1",
        # The accession number is the filler's order number in radiology.
        3: _escaped(film.text("AccessionNumber")) or identifier,
        4: _PROCEDURE,
        7: f"{film.text('StudyDate')}{study_time}",
        22: at,
        25: _PRELIMINARY,
    }
    return _segment("OBR", *(fields.get(number, "") for number in range(1, 26)))


def _observations(
    record: Record, film: Film, precision: LocalPrecision | None, at: str
) -> Iterable[str]:
    judgement, replaced = record.judgement, previous(record)
    found: list[tuple[str, str, str, str, str]] = [
        (
            "CWE", "233604007^Pneumonia^SCT", _VALUES[judgement.finding], "",
            _ABNORMAL[judgement.finding],
        )
    ]  # fmt: skip
    if judgement.probability is not None:
        certainty = str(percent(judgement.probability))
        cutoff = str(percent(judgement.cutoff))
        found += [
            ("NM", "111012^Certainty of Finding^DCM", certainty, "%^percent^UCUM", ""),
            ("NM", "CUTOFF^Cutoff^99CXRALERT", cutoff, "%^percent^UCUM", ""),
            ("ST", "111003^Algorithm Version^DCM", _escaped(judgement.model or "unknown"), "", ""),
        ]
    if film.text("SOPInstanceUID"):
        found += [
            ("ST", "110180^Study Instance UID^DCM", film.text("StudyInstanceUID"), "", ""),
            ("ST", "INSTANCE^SOP Instance UID^99CXRALERT", film.text("SOPInstanceUID"), "", ""),
        ]
    if judgement.code:
        found.append(("ST", "CODE^Reason Code^99CXRALERT", _escaped(judgement.code), "", ""))
    found += [
        ("TX", "121106^Comment^DCM", _escaped(text), "", "") for text in comments(record, precision)
    ]
    if replaced:
        older = str(result_id(KIND, film.name, replaced))
        found.append(("ST", "REPLACES^Replaced Result^99CXRALERT", older, "", ""))
    for number, (kind, name, value, unit, flag) in enumerate(found, 1):
        fields = {
            1: str(number), 2: kind, 3: name, 5: value, 6: unit, 8: flag, 11: _PRELIMINARY,
            14: at, 18: f"{_escaped(judgement.model or '')}^{PRODUCT}",
        }  # fmt: skip
        yield _segment("OBX", *(fields.get(place, "") for place in range(1, 19)))


def _segment(name: str, *fields: str) -> str:
    return "|".join((name, *fields)).rstrip("|")


def _escaped(text: str) -> str:
    return re.sub(r"\s+", " ", text).translate(_ESCAPES)


def _time(stamp: str) -> str:
    """Return the time as HL7 writes it, e.g. 20261127043015.123+0000."""
    at = time_of(stamp)
    return f"{at:%Y%m%d%H%M%S}.{at.microsecond // 1000:03}+0000"
