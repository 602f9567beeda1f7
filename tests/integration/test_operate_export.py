"""`cxr-alert export` against moto: any key, any film, only pixels and labels."""

import csv
import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws
from PIL import Image

from cxr_alert.operate.application import Application
from cxr_alert.operate.worklist import Exported, export
from imaging.readers import read_grey
from screening.errors import Mistake
from screening.film_name import film_name
from testbed.dicom_films import dicom
from tests.integration.test_worklist_table import REGION, create_worklist_table
from training.dataset.folder import find_films
from training.dataset.identity import Known
from worklist.rules.entry import Entry
from worklist.rules.review import Reading
from worklist.tables.worklist_table import WorklistTable

NAME = "Mustermann^Max"
GREY = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
Put = Callable[..., str]


@pytest.fixture
def application(aws_environment: None) -> Iterator[Application]:
    with mock_aws():
        s3: Any = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="uploads")
        s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
        create_worklist_table(boto3.client("dynamodb", region_name=REGION), "worklist")
        yield Application({"UploadsBucketName": "uploads", "WorklistTableName": "worklist"})


@pytest.fixture
def put(application: Application) -> Put:
    def upload(
        key: str,
        body: bytes,
        reading: Reading = Reading.PNEUMONIA,
        finding: str = "PNEUMONIA",
        **more: Any,
    ) -> str:
        version: str = application.s3.put_object(Bucket="uploads", Key=key, Body=body, **more)[
            "VersionId"
        ]
        WorklistTable(application.dynamodb, "worklist").put(
            Entry(
                film=film_name(key, version),
                key=key,
                version=version,
                uploaded="2026-11-22T10:15:30.000Z",
                classified="2026-11-22T10:15:31.000Z",
                finding=finding,
                cutoff=Decimal("0.1"),
                probability=Decimal("0.9") if finding == "PNEUMONIA" else None,
                model="=1+1",
                readings={"one": reading},
            )
        )
        return version

    return upload


def jpeg(shade: int) -> bytes:
    saved = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = NAME
    Image.fromarray(GREY + shade).save(saved, "JPEG", comment=NAME.encode(), exif=exif)
    return saved.getvalue()


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "reviews.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def why(exported: Exported) -> dict[str, str]:
    return dict(exported.left_out)


def test_an_exported_set_has_only_pixels_and_labels(
    application: Application, put: Put, tmp_path: Path
) -> None:
    films = {
        f"ward/{NAME}.jpeg": jpeg(1),
        "ward/person7_virus_1.jpeg": jpeg(2),
        "ward/one.dcm": dicom(GREY, tags={"PatientName": NAME, "PatientID": "4711"}),
        "ward/two.dcm": dicom(GREY.T, tags={"PatientName": NAME, "PatientID": "04711^^^H"}),
    }
    for number, (key, body) in enumerate(films.items()):
        put(key, body, Reading.NORMAL if number % 2 else Reading.PNEUMONIA)
    out = tmp_path / "out"
    assert export(application, out) == Exported(4, [])

    files = {row["key"]: row["file"] for row in rows(out)}
    assert files.keys() == films.keys()
    for key, body in films.items():
        kept = (out / files[key]).read_bytes()
        assert b"Mustermann" not in kept
        assert "Mustermann" not in files[key]
        np.testing.assert_array_equal(read_grey(kept), read_grey(body))
    assert {path.stat().st_mode & 0o777 for path in out.rglob("*")} == {0o600, 0o700}
    whose = {film.path.name: film for film in find_films(out)}
    one, two = (whose[Path(files[f"ward/{name}.dcm"]).name] for name in ("one", "two"))
    assert one.patient == two.patient
    assert one.label != two.label
    published = whose[Path(files["ward/person7_virus_1.jpeg"]).name]
    assert str(published.patient) == "person7"
    assert {film.known for film in whose.values()} == {Known.FILE_NAME}


def test_any_key_is_exported(application: Application, put: Put, tmp_path: Path) -> None:
    keys = [
        "a." + "x" * 1000,
        "n" * 1020 + ".dcm",
        "..",
        "/",
        "a/../../b.jpeg",
        "a\tb\nc.jpeg",
        "=cmd|'/C calc'!A0.jpeg",
        "@x.jpeg",
        "Müller \u0301\u2028.JPEG",
        "no suffix",
    ]
    for number, key in enumerate(keys):
        put(key, jpeg(number))
    put("healthy", jpeg(100), Reading.NORMAL)
    out = tmp_path / "out"
    assert export(application, out) == Exported(len(keys) + 1, [])
    assert len(find_films(out)) == len(keys) + 1
    assert {path.parent.parent for path in out.rglob("*.jpeg")} == {out}
    for row in rows(out):
        assert not row["key"].startswith(("=", "@", "+", "-"))
        assert row["model"] == "'=1+1"


def test_missing_and_unreadable_films_are_listed(
    application: Application, put: Put, tmp_path: Path
) -> None:
    put("here.jpeg", jpeg(1))
    application.s3.delete_object(
        Bucket="uploads", Key="gone.jpeg", VersionId=put("gone.jpeg", jpeg(2))
    )
    put("report.pdf", b"%PDF-1.7")
    put("cut.dcm", dicom(GREY)[:-200])
    put("unsure.jpeg", jpeg(3), Reading.UNSURE)
    put("cold.jpeg", jpeg(4), StorageClass="GLACIER")
    exported = export(application, tmp_path / "out")
    assert exported.films == 1
    told = why(exported)
    assert told["gone.jpeg"] == "the film was deleted"
    assert told["report.pdf"].startswith("The file is neither a JPEG nor a PNG nor a DICOM")
    assert told["cut.dcm"].startswith("The DICOM file is damaged")
    assert told["unsure.jpeg"] == "readers were unsure or disagreed"
    assert told["cold.jpeg"] == "S3 refused to return the film: InvalidObjectState"


def test_films_that_were_not_screened_are_not_exported(
    application: Application, put: Put, tmp_path: Path
) -> None:
    put("adult.jpeg", jpeg(1), Reading.NORMAL, finding="REJECTED")
    put("knee.jpeg", jpeg(2), Reading.SET_ASIDE)
    exported = export(application, tmp_path / "out")
    assert exported.films == 0
    assert set(why(exported)) == {"adult.jpeg", "knee.jpeg"}


def test_an_export_overwrites_no_file(application: Application, put: Put, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(Mistake, match="is not empty"):
        export(application, tmp_path)
