"""The FHIR transaction: its content, its internal references, its repetition."""

from typing import Any
from urllib.parse import unquote

import pytest
from pydicom.dataset import Dataset

from results.fhir import bundle, with_ids
from screening.judgement import Finding
from screening.record import Record
from testbed.dicom_films import SECRETS
from tests.results import EARLIER, NETWORK, PRECISION, REASON, RECORDS, header, record


def resources(of: Record, film: Dataset | None = None) -> dict[str, Any]:
    made = bundle(of, film or header(), PRECISION)
    return {each["resource"]["resourceType"]: each["resource"] for each in made["entry"]}


def codes(concept: dict[str, Any]) -> list[str]:
    return [each["code"] for each in concept["coding"]]


@pytest.mark.parametrize("name", RECORDS)
def test_every_reference_is_to_a_resource_of_the_transaction(name: str) -> None:
    made = bundle(RECORDS[name], header(), PRECISION)
    assert (made["resourceType"], made["type"]) == ("Bundle", "transaction")
    assert len({each["fullUrl"] for each in made["entry"]}) == len(made["entry"]) == 5
    assert _references(made) <= {each["fullUrl"] for each in made["entry"]}


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    found = {value["reference"]} if "reference" in value else set()
    return found.union(*map(_references, value.values()))


@pytest.mark.parametrize("name", RECORDS)
def test_with_ids_each_resource_is_put_where_the_others_point(name: str) -> None:
    plain = bundle(RECORDS[name], header(), PRECISION)
    entries = with_ids(plain)["entry"]
    assert {each["request"]["method"] for each in entries} == {"PUT"}
    for entry in entries:
        resource = entry["resource"]
        assert entry["request"]["url"] == f"{resource['resourceType']}/{resource['id']}"
    addresses = {each["request"]["url"] for each in entries}
    assert _references(entries) <= addresses
    assert len(_references(entries)) == len(_references(plain)) > 0


@pytest.mark.parametrize("name", RECORDS)
def test_every_entry_can_be_repeated(name: str) -> None:
    """Check for an update, or a creation if absent, by the resource's own identifier."""
    for entry in bundle(RECORDS[name], header(), PRECISION)["entry"]:
        request, resource = entry["request"], entry["resource"]
        kind, _, query = request["url"].partition("?")
        assert kind == resource["resourceType"]
        condition = unquote(query if request["method"] == "PUT" else request["ifNoneExist"])
        name_of, _, wanted = condition.partition("=")
        if name_of == "identifier":
            held = [f"{each.get('system')}|{each['value']}" for each in resource["identifier"]]
        else:
            held = [f"{each['system']}|{each['code']}" for each in resource["meta"]["tag"]]
        assert wanted in held


@pytest.mark.parametrize(
    ("name", "value", "flag", "certainty"),
    [
        ("pneumonia", "10828004", "POS", 87.3412),
        ("rescreened", "10828004", "POS", 87.3412),
        ("normal", "260385009", "NEG", 9.9999),
    ],
)
def test_a_finding_is_a_preliminary_observation(
    name: str, value: str, flag: str, certainty: float
) -> None:
    observation = resources(RECORDS[name])["Observation"]
    assert observation["status"] == "preliminary"
    assert codes(observation["code"]) == ["233604007"]
    assert codes(observation["valueCodeableConcept"]) == [value]
    assert codes(observation["interpretation"][0]) == [flag]
    assert observation["component"][0]["valueQuantity"]["value"] == certainty
    assert observation["component"][1]["valueString"] == "cutoff 0.1"


def test_a_rejected_film_has_no_value_but_a_reason() -> None:
    observation = resources(RECORDS["rejected"])["Observation"]
    assert observation["dataAbsentReason"]["text"] == REASON
    assert not observation.keys() & {"valueCodeableConcept", "interpretation", "component"}


def test_the_report_says_the_finding_and_that_it_is_not_for_diagnosis() -> None:
    report = resources(RECORDS["pneumonia"])["DiagnosticReport"]
    assert report["status"] == "preliminary"
    assert report["conclusion"].startswith("PNEUMONIA. Not for diagnosis")
    assert "41 of the last 50" in report["conclusion"]
    assert codes(report["category"][0]) == ["LP29684-5"]


def test_patient_and_study_are_those_of_the_film() -> None:
    found = resources(record())
    study = found["ImagingStudy"]
    assert study["identifier"][0]["value"] == f"urn:oid:{SECRETS['StudyInstanceUID']}"
    assert study["series"][0]["instance"][0]["uid"] == SECRETS["SOPInstanceUID"]
    for kind in ("ImagingStudy", "Observation", "DiagnosticReport"):
        assert found[kind]["subject"]["identifier"]["value"] == SECRETS["PatientID"]
    accession = found["DiagnosticReport"]["identifier"][1]
    assert accession["value"] == SECRETS["AccessionNumber"]
    assert found["Device"]["version"] == [{"value": NETWORK}]
    # A number is enough to find the patient by.
    assert SECRETS["PatientName"].split("^")[0] not in str(found)


def test_a_film_without_a_header_has_neither_patient_nor_study() -> None:
    made = bundle(record(), None)
    found = {each["resource"]["resourceType"]: each["resource"] for each in made["entry"]}
    assert "ImagingStudy" not in found
    assert found["Observation"]["subject"] == {"display": "The film names no patient."}


def test_a_rescreening_names_the_report_that_it_replaces() -> None:
    older = resources(record(judgement=EARLIER))
    newer = resources(record(Finding.PNEUMONIA, earlier=(EARLIER,)))
    for kind in ("Observation", "DiagnosticReport"):
        [extension] = newer[kind]["extension"]
        assert extension["valueReference"]["identifier"] == older[kind]["identifier"][0]
        assert newer[kind]["identifier"][0] != older[kind]["identifier"][0]
        assert "extension" not in older[kind]
    revised = newer["Provenance"]["entity"][-1]
    assert revised["role"] == "revision"
    assert revised["what"]["identifier"] == older["DiagnosticReport"]["identifier"][0]
