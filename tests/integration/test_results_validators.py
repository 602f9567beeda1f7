"""Results checked by other software: dcmtk, dicom3tools, PixelMed, npm's fhir and Medplum.

Accepted errors are listed here: dciodvfy wants a Laterality of a chest; PixelMed has no plain chest
X-ray among the procedures, though others are allowed there.
"""

import io
import json
import os
import shutil
import subprocess
from itertools import cycle
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from results.fhir import bundle
from results.header import UnreadableHeader, read_header
from results.hl7 import message
from results.instances import instances
from results.report import Flavour
from tests.results import PRECISION, RECORDS, header

PIXELMED = "/usr/share/java/pixelmed.jar"
EACH_REPORT = Path(__file__).parent / "PixelMed.java"
FHIR = Path(__file__).parents[1] / "fhir"
SHIPPED = Path(pydicom.__file__).parent / "data"
LET_PASS = ("Element=<Laterality>", "not found in context group 100")
# PixelMed's templates are one large XPath, which Java limits since 2024. A run is too short for the
# slower compiler to pay.
JAVA = {
    "JAVA_TOOL_OPTIONS": "-Djdk.xml.xpathExprOpLimit=0 -Djdk.xml.xpathTotalOpLimit=0 "
    "-Djdk.xml.xpathExprGrpLimit=0 -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
}
FLAVOURS: list[Flavour] = ["3d", "comprehensive"]


def needs(program: str, package: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing: apt-get install {package}.")


def judged(*command: str) -> tuple[int, str, list[str]]:
    """Run a validator; return its exit status, its output, and the errors that are not accepted."""
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **JAVA}
    )
    said = ran.stdout + ran.stderr
    return ran.returncode, said, errors_in(said)


def errors_in(said: str) -> list[str]:
    return [
        line
        for line in said.splitlines()
        if line.startswith(("Error", "E: ", "F: ", "Exception"))
        and not any(passed in line for passed in LET_PASS)
    ]


def written(dataset: Dataset, folder: Path, name: str) -> str:
    path = folder / f"{name}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return str(path)


@pytest.mark.parametrize("film", [header(), None], ids=["dicom", "jpeg"])
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", RECORDS)
def test_dcmtk_reads_every_report(
    name: str, flavour: Flavour, film: Dataset | None, tmp_path: Path
) -> None:
    needs("dsrdump", "dcmtk")
    report, _ = instances(RECORDS[name], film, precision=PRECISION, flavour=flavour)
    status, _, errors = judged("dsrdump", written(report, tmp_path, name))
    assert (status, errors) == (0, [])


@pytest.mark.parametrize("film", [header(), None], ids=["dicom", "jpeg"])
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", RECORDS)
def test_dicom3tools_find_every_module_in_order(
    name: str, flavour: Flavour, film: Dataset | None, tmp_path: Path
) -> None:
    needs("dciodvfy", "dicom3tools")
    for each in instances(RECORDS[name], film, precision=PRECISION, flavour=flavour):
        _, said, errors = judged("dciodvfy", written(each, tmp_path, name))
        assert errors == []
        assert any(kind in said for kind in ("Comprehensive3DSR", "ComprehensiveSR", "SCImage"))


@pytest.fixture(scope="module")
def said_by_pixelmed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the validator's output for each report: of one run, if Java can compile."""
    needs("DicomSRValidator", "pixelmed-apps")
    folder = tmp_path_factory.mktemp("pixelmed")
    reports = {}
    for name, record in RECORDS.items():
        report, _ = instances(record, header(), precision=PRECISION)
        reports[name] = written(report, folder, name)
    if shutil.which("javac") is None:
        return {name: judged("DicomSRValidator", file)[1] for name, file in reports.items()}
    status, said, _ = judged("java", "-cp", PIXELMED, str(EACH_REPORT), *reports.values())
    assert status == 0, said
    return {
        name: said.split(f"Report {file}\n")[1].split("\nReport ")[0]
        for name, file in reports.items()
    }


@pytest.mark.parametrize("name", RECORDS)
def test_pixelmed_finds_the_template_in_order(name: str, said_by_pixelmed: dict[str, str]) -> None:
    said = said_by_pixelmed[name]
    assert "Found Root Template TID_1500" in said
    assert errors_in(said) == []


@pytest.mark.parametrize("film", [header(), None], ids=["dicom", "jpeg"])
@pytest.mark.parametrize("name", RECORDS)
def test_fhir_finds_every_resource_in_order(name: str, film: Dataset | None) -> None:
    assert fhir_errors(json.dumps(bundle(RECORDS[name], film, PRECISION))) == (0, "")


def test_fhir_refuses_codes_outside_the_standard() -> None:
    made = bundle(RECORDS["normal"], header())
    made["entry"][-2]["resource"]["status"] = "bogus"
    status, said = fhir_errors(json.dumps(made))
    assert (status, "bogus" in said) == (1, True)


@pytest.mark.parametrize("film", [header(), None], ids=["dicom", "jpeg"])
def test_a_fhir_server_stores_each_result_once_however_often_it_is_sent(
    film: Dataset | None,
) -> None:
    made = [bundle(each, film, PRECISION) for each in RECORDS.values()]
    _, said = node("transact.js", json.dumps([*made, *made]))
    answers = json.loads(said)
    first, again = answers[: len(made)], answers[len(made) :]
    for one, other in zip(first, again, strict=True):
        assert {status for status, _ in one} <= {"200", "201"}
        assert {status for status, _ in other} == {"200"}
        assert [address for _, address in one] == [address for _, address in other]
    reports = {address for one in first for _, address in one if "DiagnosticReport/" in address}
    assert len(reports) == len(made)


def fhir_errors(resource: str) -> tuple[int, str]:
    return node("validate.js", resource)


def node(script: str, given: str) -> tuple[int, str]:
    needs("node", "nodejs")
    if not (FHIR / "node_modules").is_dir():
        pytest.skip("npm's FHIR packages are not installed: npm ci --prefix tests/fhir.")
    ran = subprocess.run(
        ["node", script], cwd=FHIR, input=given, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_every_file_that_pydicom_ships_gets_a_report_that_dcmtk_reads(tmp_path: Path) -> None:
    """Files with unreadable headers get results without a header, like JPEG films."""
    reports: list[str] = []
    for file, name in zip(sorted(SHIPPED.rglob("*")), cycle(RECORDS), strict=False):
        if not file.is_file():
            continue
        try:
            film = read_header(file.read_bytes())
        except UnreadableHeader:
            continue
        json.dumps(bundle(RECORDS[name], film))
        message(RECORDS[name], film)
        report, capture = instances(RECORDS[name], film)
        assert capture.SOPClassUID == SecondaryCaptureImageStorage
        capture.save_as(io.BytesIO(), enforce_file_format=True)
        reports.append(written(report, tmp_path, f"{len(reports)} {file.name}"))
    assert len(reports) > 150
    needs("dsrdump", "dcmtk")
    status, said, errors = judged("dsrdump", "--print-filename", *reports)
    assert (status, errors) == (0, []), said
