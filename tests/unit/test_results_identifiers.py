"""The same judgement gives the same result, byte for byte; another judgement a different one."""

import io
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from results.fhir import bundle
from results.hl7 import message
from results.identifiers import result_id, uid
from results.instances import instances
from screening.record import Record
from tests.results import EARLIER, PRECISION, RECORDS, header, record


def results(of: Record, **tags: str) -> list[bytes]:
    """Return the bytes of the result in each of its forms."""
    film = header(**tags)
    forms = [json.dumps(bundle(of, film, PRECISION)).encode(), message(of, film, PRECISION)]
    for built in instances(of, film, precision=PRECISION):
        file = io.BytesIO()
        built.save_as(file, enforce_file_format=True)
        forms.append(file.getvalue())
    return forms


@pytest.mark.parametrize("name", RECORDS)
def test_a_result_built_twice_is_the_same(name: str) -> None:
    assert results(RECORDS[name]) == results(RECORDS[name])


def test_the_record_of_the_same_film_under_another_key_gives_the_same() -> None:
    again = record(key="other.dcm", version="v2", uploaded="2026-11-28T00:00:00.000Z", etag="x")
    assert results(again) == results(record())


@pytest.mark.parametrize(
    "other",
    [
        replace(EARLIER, classified="2026-11-20T08:00:00.001Z"),
        replace(EARLIER, cutoff=Decimal("0.2")),
        replace(EARLIER, model="another"),
    ],
)
def test_another_judgement_has_another_identifier(other: object) -> None:
    assert isinstance(other, type(EARLIER))
    assert result_id("sr", "1.2.3", other) != result_id("sr", "1.2.3", EARLIER)


def test_films_and_kinds_have_identifiers_of_their_own() -> None:
    found = {result_id(kind, film, EARLIER) for kind in ("sr", "sc") for film in ("1.2", "1.3")}
    assert len(found) == 4


def test_a_cutoff_is_the_same_however_many_places_it_is_written_with() -> None:
    longer = replace(EARLIER, cutoff=Decimal("0.10"))
    assert result_id("sr", "1.2", longer) == result_id("sr", "1.2", EARLIER)


def test_a_uid_is_one_of_the_standard() -> None:
    made = uid(result_id("sr", "1.2", EARLIER))
    assert made.startswith("2.25.")
    assert len(made) <= 44
    assert set(made) <= set("0123456789.")


def test_films_of_one_study_share_a_series_of_each_kind() -> None:
    first, second = (instances(record(), header(SOPInstanceUID=name)) for name in ("1.2", "1.3"))
    assert [each.SeriesInstanceUID for each in first] == [each.SeriesInstanceUID for each in second]
    assert first[0].SeriesInstanceUID != first[1].SeriesInstanceUID
    assert {each.SOPInstanceUID for each in first}.isdisjoint(
        each.SOPInstanceUID for each in second
    )
    of_series = ("Modality", "SeriesNumber", "SeriesDescription", "Manufacturer")
    for one, other in zip(first, second, strict=True):
        assert [one[name].value for name in of_series] == [other[name].value for name in of_series]
