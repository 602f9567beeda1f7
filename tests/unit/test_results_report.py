"""The structured report's tree, which no validator covers, and its references."""

import io

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage

from results.instances import instances
from results.report import Flavour
from screening.precision import LocalPrecision
from screening.record import Record
from testbed.dicom_films import SECRETS
from tests.results import EARLIER, NETWORK, PRECISION, REASON, RECORDS, header, named, record


def report(of: Record, precision: LocalPrecision | None = None, flavour: Flavour = "3d") -> Dataset:
    """Return the report as a receiver reads it."""
    file = io.BytesIO()
    built, _ = instances(of, header(), precision=precision, flavour=flavour)
    built.save_as(file, enforce_file_format=True)
    file.seek(0)
    return dcmread(file)


def code(item: Dataset) -> tuple[str, str]:
    value = item.ConceptCodeSequence[0]
    return value.CodingSchemeDesignator, value.CodeValue


@pytest.mark.parametrize(
    ("name", "evaluation", "certainty"),
    [
        ("pneumonia", "52101004", [87.3412]),
        ("rescreened", "52101004", [87.3412]),
        ("normal", "272519000", [9.9999]),
        ("rejected", "373068000", []),
    ],
)
def test_the_tree_is_a_measurement_report_with_one_group(
    name: str, evaluation: str, certainty: list[float]
) -> None:
    tree = report(RECORDS[name])
    assert tree.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert tree.ConceptNameCodeSequence[0].CodeValue == "126000"
    [group] = named(tree, "125007")
    assert group in named(tree, "126010")[0].ContentSequence
    [finding], [value] = named(group, "121071"), named(group, "233604007")
    assert (code(finding), code(value)) == (("SCT", "233604007"), ("SCT", evaluation))
    measured = [each.MeasuredValueSequence[0] for each in named(group, "111012")]
    assert [each.NumericValue for each in measured] == certainty
    assert {each.MeasurementUnitsCodeSequence[0].CodeValue for each in measured} <= {"%"}
    # A tracking UID, which DicomSRValidator does not miss.
    assert named(group, "112040")[0].UID.startswith("2.25.")
    assert named(group, "112039")[0].TextValue
    assert [code(each) for each in named(tree, "121005")] == [("DCM", "121007")]
    [procedure] = named(tree, "121058")
    assert code(procedure) == ("SCT", "399208008")


def test_the_algorithm_is_named_with_its_network_and_cutoff() -> None:
    [group] = named(report(RECORDS["pneumonia"]), "125007")
    assert named(group, "111001")[0].TextValue == "CXR Alert"
    assert named(group, "111003")[0].TextValue == NETWORK
    assert named(group, "111002")[0].TextValue == "cutoff 0.1"
    assert code(named(group, "111000")[0]) == ("DCM", "123110")


def test_no_algorithm_is_named_for_a_rejected_film() -> None:
    tree = report(RECORDS["rejected"])
    assert not named(tree, "111001")
    assert any(REASON in each.TextValue for each in named(tree, "121106"))


@pytest.mark.parametrize("name", RECORDS)
def test_it_is_preliminary_unverified_and_not_for_diagnosis(name: str) -> None:
    tree = report(RECORDS[name])
    assert (tree.PreliminaryFlag, tree.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    assert named(tree, "121106")[0].TextValue.startswith("Not for diagnosis")


def test_it_points_at_the_film_in_the_films_study() -> None:
    tree = report(RECORDS["pneumonia"])
    assert tree.StudyInstanceUID == SECRETS["StudyInstanceUID"]
    assert tree.SeriesInstanceUID != SECRETS["SeriesInstanceUID"]
    [image] = [each for each in named(tree, "121112") if each.ValueType == "IMAGE"]
    seen = image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    [study] = tree.CurrentRequestedProcedureEvidenceSequence
    evidence = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert seen == evidence.ReferencedSOPInstanceUID == SECRETS["SOPInstanceUID"]
    for name in ("PatientID", "PatientName", "PatientBirthDate", "AccessionNumber"):
        assert str(tree[name].value) == SECRETS[name]


@pytest.mark.parametrize("flavour", ["3d", "comprehensive"])
def test_a_rescreening_names_the_report_that_it_replaces(flavour: Flavour) -> None:
    older = report(record(judgement=EARLIER), flavour=flavour)
    newer = report(record(earlier=(EARLIER,)), flavour=flavour)
    [study] = newer.PredecessorDocumentsSequence
    [series] = study.ReferencedSeriesSequence
    [instance] = series.ReferencedSOPSequence
    assert instance.ReferencedSOPInstanceUID == older.SOPInstanceUID != newer.SOPInstanceUID
    assert instance.ReferencedSOPClassUID == older.SOPClassUID
    assert series.SeriesInstanceUID == older.SeriesInstanceUID == newer.SeriesInstanceUID
    assert "PredecessorDocumentsSequence" not in older
    assert named(newer, "112040")[0].UID == named(older, "112040")[0].UID


def test_the_sop_class_is_the_requested_one() -> None:
    of = RECORDS["pneumonia"]
    assert report(of).SOPClassUID == Comprehensive3DSRStorage
    other = report(of, flavour="comprehensive")
    assert other.SOPClassUID == ComprehensiveSRStorage
    assert other.SOPInstanceUID == report(of).SOPInstanceUID  # one report of a judgement


def test_local_precision_is_one_line_of_a_positive() -> None:
    line = "Here, 41 of the last 50 such alerts were confirmed, 69 to 90 %."
    comments = {
        name: [each.TextValue for each in named(report(of, PRECISION), "121106")]
        for name, of in RECORDS.items()
    }
    assert [name for name, said in comments.items() if line in said] == ["pneumonia", "rescreened"]


def test_local_precision_of_too_few_reviews_is_left_out() -> None:
    few = LocalPrecision(confirmed=40, of=49, low=0.68, high=0.9)
    assert len(named(report(RECORDS["pneumonia"], few), "121106")) == 1
