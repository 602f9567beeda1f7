"""The HL7 message: its structure by hl7apy, its fields by their number in the standard."""

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from pydicom.dataset import Dataset

from results.hl7 import message
from screening.judgement import Finding
from screening.record import Record
from testbed.dicom_films import SECRETS
from tests.results import EARLIER, NETWORK, PRECISION, REASON, RECORDS, header, record

VALUE, NAME, STATUS = 5, 3, 11


def segments(of: Record, film: Dataset | None = None) -> dict[str, list[list[str]]]:
    """Return the fields of each segment by its name, under their numbers in the standard."""
    found: dict[str, list[list[str]]] = {}
    said = message(of, film or header(), PRECISION).decode()
    assert said.endswith("\r")
    for segment in said.split("\r")[:-1]:
        fields = segment.split("|")
        # MSH-1 is the separator itself.
        found.setdefault(fields[0], []).append(["MSH", *fields] if fields[0] == "MSH" else fields)
    return found


def observed(of: Record) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in segments(of)["OBX"]:
        found.setdefault(each[NAME].split("^")[0], []).append(each[VALUE])
    return found


@pytest.mark.parametrize("film", [header(), None], ids=["dicom", "jpeg"])
@pytest.mark.parametrize("name", RECORDS)
def test_its_structure_is_that_of_the_standard(name: str, film: Dataset | None) -> None:
    said = message(RECORDS[name], film, PRECISION).decode()
    parsed = parse_message(said, validation_level=VALIDATION_LEVEL.STRICT)
    assert parsed.validate()
    assert parsed.name == "ORU_R01"


def test_patient_and_order_are_those_of_the_film() -> None:
    found = segments(record(), header(IssuerOfPatientID="WARD", PatientSex="F"))
    [patient], [order] = found["PID"], found["OBR"]
    assert patient[3] == f"{SECRETS['PatientID']}^^^WARD^MR"
    assert patient[5] == SECRETS["PatientName"]
    assert (patient[7], patient[8]) == (SECRETS["PatientBirthDate"], "F")
    assert (order[3], order[4]) == (SECRETS["AccessionNumber"], "36554-4^XR Chest Single view^LN")


@pytest.mark.parametrize(
    ("name", "value", "flag"),
    [
        ("pneumonia", "10828004^Positive^SCT", "POS"),
        ("rescreened", "10828004^Positive^SCT", "POS"),
        ("normal", "260385009^Negative^SCT", "NEG"),
        ("rejected", "373068000^Undetermined^SCT", ""),
    ],
)
def test_every_observation_is_preliminary(name: str, value: str, flag: str) -> None:
    found = segments(RECORDS[name])
    assert found["OBR"][0][25] == "P"
    assert {each[STATUS] for each in found["OBX"]} == {"P"}
    assert (found["OBX"][0][VALUE], found["OBX"][0][8]) == (value, flag)
    assert [each[1] for each in found["OBX"]] == [str(n + 1) for n in range(len(found["OBX"]))]


def test_probability_cutoff_and_network_are_observations() -> None:
    found = observed(RECORDS["pneumonia"])
    assert (found["111012"], found["CUTOFF"]) == (["87.3412"], ["10"])
    assert found["111003"] == [NETWORK]
    assert found["INSTANCE"] == [SECRETS["SOPInstanceUID"]]


def test_a_rejected_film_says_why_and_no_probability() -> None:
    found = observed(RECORDS["rejected"])
    assert found["CODE"] == ["lateral"]
    assert any(REASON in each for each in found["121106"])
    assert not found.keys() & {"111012", "111003", "CUTOFF"}


def test_a_rescreening_names_the_result_that_it_replaces() -> None:
    [older] = segments(record(judgement=EARLIER))["ORC"]
    assert observed(record(earlier=(EARLIER,)))["REPLACES"] == [older[3]]


def test_the_control_id_is_that_of_the_judgement() -> None:
    ids = {segments(of)["MSH"][0][10] for of in (record(), record(), record(judgement=EARLIER))}
    assert len(ids) == 2
    assert {len(each) for each in ids} == {20}


def test_delimiters_in_a_name_are_escaped() -> None:
    film = header(PatientName="O|Neill&Sons~^Ann", AccessionNumber="A|1")
    found = segments(record(Finding.NORMAL), film)
    assert found["PID"][0][5] == r"O\F\Neill\T\Sons\R\^Ann"
    assert found["OBR"][0][3] == r"A\F\1"
