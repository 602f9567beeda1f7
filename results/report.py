"""The structured report: TID 1500 Measurement Report with one group of TID 1501.

highdicom builds the content tree. instance.py builds the data set around it, since highdicom's own
classes raise errors for incomplete headers and write the current time into documents.
"""

from typing import Literal

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage

from results.header import Film
from results.identifiers import derived, series_uid, uid
from results.instance import instance_uid, new_instance, reference
from results.wording import MANUFACTURER, PRODUCT, comments, percent, previous
from screening.judgement import Finding, Judgement
from screening.precision import LocalPrecision
from screening.record import Record

Flavour = Literal["3d", "comprehensive"]
KIND = "sr"
SERIES_NUMBER = 9901

_CLASSES = {"3d": Comprehensive3DSRStorage, "comprehensive": ComprehensiveSRStorage}
_PNEUMONIA = CodedConcept("233604007", "SCT", "Pneumonia")
_CHEST_XRAY = CodedConcept("399208008", "SCT", "Plain chest X-ray")
_ARTIFICIAL_INTELLIGENCE = CodedConcept("123110", "DCM", "Artificial Intelligence")
_CERTAINTY = CodedConcept("111012", "DCM", "Certainty of Finding")
_COMMENT = CodedConcept("121106", "DCM", "Comment")
_PERCENT = CodedConcept("%", "UCUM", "Percent")
_EVALUATIONS = {
    Finding.PNEUMONIA: CodedConcept("52101004", "SCT", "Present"),
    Finding.NORMAL: CodedConcept("272519000", "SCT", "Absent"),
    Finding.REJECTED: CodedConcept("373068000", "SCT", "Undetermined"),
}


def report(
    record: Record, film: Film, precision: LocalPrecision | None, flavour: Flavour
) -> Dataset:
    """Return the structured report of a record's last judgement."""
    sop_class = _CLASSES[flavour]
    dataset = new_instance(
        record, film, kind=KIND, sop_class=sop_class, modality="SR", number=SERIES_NUMBER
    )
    dataset.CompletionFlag = "COMPLETE"
    dataset.PreliminaryFlag = "PRELIMINARY"
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.PerformedProcedureCodeSequence = []
    dataset.ReferencedPerformedProcedureStepSequence = []
    if film.referable:
        source = reference(film.dataset.SOPClassUID, film.dataset.SOPInstanceUID)
        dataset.CurrentRequestedProcedureEvidenceSequence = [
            _of_study(film, film.dataset.SeriesInstanceUID, source)
        ]
    replaced = previous(record)
    if replaced:
        older = reference(sop_class, instance_uid(KIND, film, replaced))
        dataset.PredecessorDocumentsSequence = [
            _of_study(film, series_uid(KIND, film.dataset.StudyInstanceUID), older)
        ]
    for element in _content(record, film, precision):
        dataset.add(element)
    return dataset


def _of_study(film: Film, series: str, instance: Dataset) -> Dataset:
    in_series = Dataset()
    in_series.SeriesInstanceUID = series
    in_series.ReferencedSOPSequence = [instance]
    in_study = Dataset()
    in_study.StudyInstanceUID = film.dataset.StudyInstanceUID
    in_study.ReferencedSeriesSequence = [in_series]
    return in_study


def _content(record: Record, film: Film, precision: LocalPrecision | None) -> Dataset:
    judgement = record.judgement
    group = MeasurementsAndQualitativeEvaluations(
        # Every judgement of a film tracks the same finding.
        tracking_identifier=TrackingIdentifier(
            uid=uid(derived("tracking", film.name)), identifier="Pneumonia on this film"
        ),
        finding_type=_PNEUMONIA,
        algorithm_id=_algorithm(judgement),
        measurements=_certainty(judgement),
        qualitative_evaluations=[
            QualitativeEvaluation(name=_PNEUMONIA, value=_EVALUATIONS[judgement.finding])
        ],
        source_images=[
            SourceImageForMeasurementGroup(film.dataset.SOPClassUID, film.dataset.SOPInstanceUID)
        ]
        if film.referable
        else None,
    )
    for text in comments(record, precision):
        item = TextContentItem(_COMMENT, text, RelationshipTypeValues.CONTAINS)
        group[0].ContentSequence.append(item)
    tree: Dataset = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=_device(judgement)),
        procedure_reported=_CHEST_XRAY,
        imaging_measurements=[group],
        title=codes.DCM.ImagingMeasurementReport,
    )[0]
    return tree


def _device(judgement: Judgement) -> ObserverContext:
    network = judgement.model
    return ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=uid(derived("device", network or "")),
            name=PRODUCT,
            manufacturer_name=MANUFACTURER,
            model_name=PRODUCT,
            serial_number=network,
        ),
    )


def _algorithm(judgement: Judgement) -> AlgorithmIdentification | None:
    """Return network and cutoff of the judgement; a rejected film has neither."""
    if judgement.probability is None:
        return None
    return AlgorithmIdentification(
        name=PRODUCT,
        version=judgement.model or "unknown",
        parameters=[f"cutoff {judgement.cutoff.normalize():f}"],
        family=_ARTIFICIAL_INTELLIGENCE,
        manufacturer=MANUFACTURER,
    )


def _certainty(judgement: Judgement) -> list[Measurement] | None:
    if judgement.probability is None:
        return None
    value = float(percent(judgement.probability))
    return [Measurement(name=_CERTAINTY, value=value, unit=_PERCENT)]
