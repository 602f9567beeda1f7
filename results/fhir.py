"""The result as a FHIR R4 transaction, which may be sent repeatedly.

Each resource is updated if the server knows its identifier, and created otherwise. The patient is
referenced by number and never created. A study that the server already has is not changed. A server
without conditional requests gets the same resources under ids of ours (`with_ids`).
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from pydicom.dataset import Dataset

from results.header import Film, film_of
from results.identifiers import derived, result_id, uid
from results.wording import MANUFACTURER, PRODUCT, comments, percent, previous
from screening.judgement import Finding, Judgement
from screening.precision import LocalPrecision
from screening.record import Record

_URI = "urn:ietf:rfc:3986"
_DICOM_UID = "urn:dicom:uid"
_SCT = "http://snomed.info/sct"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_EXTENSION = "http://hl7.org/fhir/StructureDefinition"

_OBSERVATION, _REPORT, _PROVENANCE = "fhir-observation", "fhir-report", "fhir-provenance"
_VALUES = {
    Finding.PNEUMONIA: ("10828004", "Positive", "POS"),
    Finding.NORMAL: ("260385009", "Negative", "NEG"),
}

Resource = dict[str, Any]


def bundle(
    record: Record, header: Dataset | None, precision: LocalPrecision | None = None
) -> Resource:
    """Return the transaction bundle, ready for JSON: `POST` it to the server's base address."""
    film = film_of(record, header)
    judgement = record.judgement
    device = derived("fhir-device", judgement.model or "")
    study = derived("fhir-study", film.text("StudyInstanceUID")) if film.dicom else None
    observation = result_id(_OBSERVATION, film.name, judgement)
    report = result_id(_REPORT, film.name, judgement)
    provenance = result_id(_PROVENANCE, film.name, judgement)

    entries = [_updated(device, _device(device, judgement))]
    if study:
        found = f"identifier={_search(_DICOM_UID, _urn(film.text('StudyInstanceUID')))}"
        entries.append(_made(study, _study(film), found))
    entries += [
        _updated(observation, _observation(observation, record, film, device, study)),
        _updated(report, _report(report, observation, record, film, study, precision)),
        # Provenance has no identifier to search for.
        _made(
            provenance,
            _provenance(provenance, record, film, (report, observation), device, study),
            f"_tag={_search(_URI, _lasting(provenance))}",
        ),
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def with_ids(transaction: Resource) -> Resource:
    """Return the same transaction with each resource put under the id of its `fullUrl`.

    Amazon HealthLake creates a resource that is put under a new id, and documents no conditional
    create. The study is then ours, even if the server already has that study.
    """
    kinds = {each["fullUrl"]: each["resource"]["resourceType"] for each in transaction["entry"]}
    addresses = {urn: f"{kind}/{_id(urn)}" for urn, kind in kinds.items()}
    entries = [
        {
            "fullUrl": each["fullUrl"],
            "resource": {**_readdressed(each["resource"], addresses), "id": _id(each["fullUrl"])},
            "request": {"method": "PUT", "url": addresses[each["fullUrl"]]},
        }
        for each in transaction["entry"]
    ]
    return {**transaction, "entry": entries}


def _id(urn: str) -> str:
    return urn.removeprefix("urn:uuid:")


def _readdressed(node: Any, addresses: Mapping[str, str]) -> Any:  # noqa: ANN401 - any part of JSON
    """Return a copy with references to the addresses instead of the bundle's own names."""
    if isinstance(node, list):
        return [_readdressed(each, addresses) for each in node]
    if isinstance(node, dict):
        return {
            name: addresses.get(value, value)
            if name == "reference"
            else _readdressed(value, addresses)
            for name, value in node.items()
        }
    return node


def _updated(identifier: UUID, resource: Resource) -> Resource:
    kind = resource["resourceType"]
    url = f"{kind}?identifier={_search(_URI, _lasting(identifier))}"
    return {
        "fullUrl": identifier.urn,
        "resource": resource,
        "request": {"method": "PUT", "url": url},
    }


def _made(identifier: UUID, resource: Resource, unless: str) -> Resource:
    kind = resource["resourceType"]
    return {
        "fullUrl": identifier.urn,
        "resource": resource,
        "request": {"method": "POST", "url": kind, "ifNoneExist": unless},
    }


def _device(identifier: UUID, judgement: Judgement) -> Resource:
    device: Resource = {
        "resourceType": "Device",
        "identifier": [_identifier(identifier)],
        "manufacturer": MANUFACTURER,
        "deviceName": [{"name": PRODUCT, "type": "model-name"}],
    }
    if judgement.model:
        device["version"] = [{"value": judgement.model}]
    return device


def _study(film: Film) -> Resource:
    study: Resource = {
        "resourceType": "ImagingStudy",
        "identifier": [
            {"system": _DICOM_UID, "value": _urn(film.text("StudyInstanceUID"))},
            *_order(film),
        ],
        "status": "available",
        "subject": _patient(film),
    }
    if day := _study_date(film):
        study["started"] = day
    if film.referable and film.text("Modality"):
        instance = {
            "uid": film.text("SOPInstanceUID"),
            "sopClass": {"system": _URI, "code": _urn(film.text("SOPClassUID"))},
        }
        study["series"] = [
            {
                "uid": film.text("SeriesInstanceUID"),
                "modality": {"system": _DCM, "code": film.text("Modality")},
                "instance": [instance],
            }
        ]
    return study


def _observation(
    identifier: UUID, record: Record, film: Film, device: UUID, study: UUID | None
) -> Resource:
    judgement = record.judgement
    observation: Resource = {
        "resourceType": "Observation",
        "identifier": [_identifier(identifier)],
        "status": "preliminary",
        "category": [_concept(f"{_TERMINOLOGY}/observation-category", "imaging", "Imaging")],
        "code": _concept(_SCT, "233604007", "Pneumonia"),
        "subject": _patient(film),
        "issued": judgement.classified,
        "device": {"reference": device.urn},
    }
    if day := _study_date(film):
        observation["effectiveDateTime"] = day
    if study:
        observation["derivedFrom"] = [{"reference": study.urn}]
    if judgement.probability is None:
        absent = _concept(f"{_TERMINOLOGY}/data-absent-reason", "not-performed", "Not Performed")
        observation["dataAbsentReason"] = absent | {"text": judgement.reason or "Not screened."}
    else:
        code, meaning, flag = _VALUES[judgement.finding]
        interpretation = f"{_TERMINOLOGY}/v3-ObservationInterpretation"
        observation["valueCodeableConcept"] = _concept(_SCT, code, meaning)
        observation["interpretation"] = [_concept(interpretation, flag, meaning)]
        observation["component"] = [
            {
                "code": _concept(_DCM, "111012", "Certainty of Finding"),
                "valueQuantity": {
                    "value": float(percent(judgement.probability)),
                    "unit": "%",
                    "system": _UCUM,
                    "code": "%",
                },
            },
            {
                "code": _concept(_DCM, "111002", "Algorithm Parameters"),
                "valueString": f"cutoff {judgement.cutoff.normalize():f}",
            },
        ]
    return observation | _replaces("observation", _OBSERVATION, record, film)


def _report(
    identifier: UUID,
    observation: UUID,
    record: Record,
    film: Film,
    study: UUID | None,
    precision: LocalPrecision | None,
) -> Resource:
    radiology = _concept(_LOINC, "LP29684-5", "Radiology")
    report: Resource = {
        "resourceType": "DiagnosticReport",
        "identifier": [_identifier(identifier), *_order(film)],
        "status": "preliminary",
        "category": [radiology, _concept(f"{_TERMINOLOGY}/v2-0074", "RAD", "Radiology")],
        "code": _concept(_LOINC, "36554-4", "XR Chest Single view"),
        "subject": _patient(film),
        "issued": record.judgement.classified,
        "result": [{"reference": observation.urn}],
        "conclusion": " ".join([f"{record.judgement.finding}.", *comments(record, precision)]),
    }
    if day := _study_date(film):
        report["effectiveDateTime"] = day
    if study:
        report["imagingStudy"] = [{"reference": study.urn}]
    return report | _replaces("diagnosticReport", _REPORT, record, film)


def _provenance(
    identifier: UUID,
    record: Record,
    film: Film,
    targets: tuple[UUID, ...],
    device: UUID,
    study: UUID | None,
) -> Resource:
    provenance: Resource = {
        "resourceType": "Provenance",
        "meta": {"tag": [{"system": _URI, "code": _lasting(identifier)}]},
        "target": [{"reference": target.urn} for target in targets],
        "recorded": record.judgement.classified,
        "agent": [
            {
                "type": _concept(f"{_TERMINOLOGY}/provenance-participant-type", "author", "Author"),
                "who": {"reference": device.urn},
            }
        ],
    }
    replaced = previous(record)
    entities = [{"role": "source", "what": {"reference": study.urn}}] if study else []
    if replaced:
        older = result_id(_REPORT, film.name, replaced)
        entities.append({"role": "revision", "what": _pointer("DiagnosticReport", older)})
    return provenance | ({"entity": entities} if entities else {})


def _replaces(extension: str, kind: str, record: Record, film: Film) -> Resource:
    replaced = previous(record)
    if replaced is None:
        return {}
    resource = "Observation" if kind == _OBSERVATION else "DiagnosticReport"
    older = _pointer(resource, result_id(kind, film.name, replaced))
    return {"extension": [{"url": f"{_EXTENSION}/{extension}-replaces", "valueReference": older}]}


def _pointer(resource: str, identifier: UUID) -> Resource:
    return {"type": resource, "identifier": _identifier(identifier)}


def _patient(film: Film) -> Resource:
    """Return a reference to the hospital's patient by number; no patient is created."""
    number = film.text("PatientID")
    if not number:
        return {"display": "The film names no patient."}
    kind = _concept(f"{_TERMINOLOGY}/v2-0203", "MR", "Medical record number")
    identifier: Resource = {"type": kind, "value": number}
    if issuer := film.text("IssuerOfPatientID"):
        identifier["assigner"] = {"display": issuer}
    return {"type": "Patient", "identifier": identifier}


def _order(film: Film) -> list[Resource]:
    number = film.text("AccessionNumber")
    kind = _concept(f"{_TERMINOLOGY}/v2-0203", "ACSN", "Accession ID")
    return [{"type": kind, "value": number}] if number else []


def _study_date(film: Film) -> str | None:
    """Return the study's day only: a time would need a time zone, which few films have."""
    day = film.text("StudyDate")
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else None


def _identifier(identifier: UUID) -> Mapping[str, str]:
    return {"system": _URI, "value": _lasting(identifier)}


def _lasting(identifier: UUID) -> str:
    """Return the stable identifier of a resource.

    It is not a `urn:uuid` like the full URLs of the transaction: servers replace these by their own
    addresses, some of them wherever the text occurs.
    """
    return _urn(uid(identifier))


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _urn(dicom_uid: str) -> str:
    return f"urn:oid:{dicom_uid}"


def _search(system: str, value: str) -> str:
    return quote(f"{system}|{value}", safe="")
