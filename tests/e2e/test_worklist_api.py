"""The rights for each path of the worklist's API, and concurrent readers."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from cxr_alert.local.processes import ROOT
from screening.film_name import film_name
from testbed.worklist_api import Answer, Api, log_in
from tests.e2e.application import DICOM, NEGATIVE, POSITIVE, Application, wait_until
from worklist.tables.worklist_table import item, read_entry

SOME_FILM = "0" * 32
PATHS: dict[tuple[str, str], Any] = {
    ("GET", "api/me"): None,
    ("POST", "api/list"): {},
    ("GET", f"api/films/{SOME_FILM}"): None,
    ("GET", f"api/films/{SOME_FILM}/image"): None,
    ("POST", f"api/films/{SOME_FILM}/reviews"): {},
    ("POST", f"api/films/{SOME_FILM}/claim"): {},
    ("POST", "api/counts"): {},
    ("GET", "api/performance"): None,
}


@pytest.fixture
def reader(application: Application) -> Api:
    return log_in(application.stack, "reader", "readers")


@pytest.fixture
def other(application: Application) -> Api:
    return log_in(application.stack, "other", "readers")


@pytest.fixture
def administrator(application: Application) -> Api:
    return log_in(application.stack, "administrator", "administrators")


def listed(application: Application, api: Api, key: str, body: bytes = POSITIVE) -> str:
    """Upload a film and wait until it is in the worklist; return its name there."""
    name = film_name(key, application.drop(key, body))
    wait_until(lambda: api.call("GET", f"api/films/{name}").status == 200, "the film in the list")
    return name


def review(api: Api, film: str, reading: str, **more: str) -> Answer:
    answers = api.call("GET", f"api/films/{film}").json()["answers"]
    body = {"id": uuid4().hex, "reading": reading, "answers": answers, **more}
    return api.call("POST", f"api/films/{film}/reviews", body)


def test_these_tests_cover_every_path() -> None:
    source = (ROOT / "functions" / "worklist" / "api.py").read_text()
    routes = re.findall(r'@app\.(\w+)\("/(api/[^"]+)"\)', source)
    assert {(m.upper(), p.replace("<name>", SOME_FILM)) for m, p in routes} == set(PATHS)


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_path_requires_a_right(
    application: Application, reader: Api, administrator: Api, method: str, path: str
) -> None:
    stack, body = application.stack, PATHS[method, path]
    nobody = log_in(stack, "nobody")
    for token in (None, "", "x.y.z", *forged(reader)):
        assert Api(stack, token).call(method, path, body).status == 401
    assert nobody.call(method, path, body).status == 403
    refused = {"api/performance": reader}
    refused |= {f"api/films/{SOME_FILM}/{each}": administrator for each in ("reviews", "claim")}
    if path in refused:
        assert refused[path].call(method, path, body).status == 403


def forged(api: Api) -> list[str]:
    """Tokens with the reader's claims, and more, but without the pool's signature."""
    assert api.token
    head, claims, signature = api.token.split(".")
    more = json.loads(base64.urlsafe_b64decode(claims + "=="))
    more["cognito:groups"] = ["readers", "administrators"]
    raised, none = _part(more), _part({"alg": "none", "typ": "JWT"})
    return [f"{head}.{raised}.{signature}", f"{none}.{raised}.", f"{head}.{claims}.{'A' * 342}"]


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_an_id_token_opens_nothing(application: Application) -> None:
    api = log_in(application.stack, "reader", "readers", kind="id")
    assert api.call("GET", "api/me").status in (401, 403)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "api/list", {"view": "everything"}),
        ("POST", "api/list", {"size": 0}),
        ("POST", "api/list", {"size": 1000}),
        ("POST", "api/list", {"cursor": "bm9uc2Vuc2U="}),
        ("POST", "api/list", {"since": "yesterday"}),
        ("POST", "api/list", ["to-review"]),
        ("POST", "api/list", {"view": []}),
        ("POST", "api/list", {"until": "9999-12-31T23:59:59Z"}),
        ("GET", "api/films/../../template.yaml", None),
        ("GET", "nothing.html", None),
    ],
)
def test_an_invalid_request_is_refused_in_a_sentence(
    reader: Api, method: str, path: str, body: object
) -> None:
    answer = reader.call(method, path, body)
    assert answer.status in (400, 404)


def test_a_range_beyond_the_films_end_is_refused_in_a_sentence(
    application: Application, reader: Api
) -> None:
    film = listed(application, reader, "worklist/short.jpeg")
    answer = reader.call("GET", f"api/films/{film}/image", range="bytes=99999999999-")
    assert answer.status == 400
    assert answer.json()["error"].endswith(".")


def test_page_and_answers_are_not_cached_and_run_no_foreign_code(
    application: Application, reader: Api
) -> None:
    page = Api(application.stack).call("GET", "")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    answer = reader.call("GET", "api/me")
    assert answer.headers["cache-control"] == "no-store"
    for headers in (page.headers, answer.headers):
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_film_is_served_as_it_was_uploaded(application: Application, reader: Api) -> None:
    film = listed(application, reader, "worklist/bytes.jpeg")
    whole = reader.call("GET", f"api/films/{film}/image")
    assert (whole.status, whole.body) == (206, POSITIVE)
    assert whole.headers["content-type"] == "image/jpeg"
    part = reader.call("GET", f"api/films/{film}/image", Range="bytes=1000-")
    assert part.body == POSITIVE[1000:]
    assert part.headers["content-range"] == f"bytes 1000-{len(POSITIVE) - 1}/{len(POSITIVE)}"


def test_a_dicom_film_is_served_as_its_rendition(application: Application, reader: Api) -> None:
    film = listed(application, reader, "worklist/film.dcm", DICOM)
    shown = reader.call("GET", f"api/films/{film}/image")
    assert (shown.status, shown.headers["content-type"]) == (206, "image/png")
    assert shown.body.startswith(b"\x89PNG")
    facts = reader.call("GET", f"api/films/{film}").json()["record"]["facts"]
    assert (facts["modality"], facts["view"]) == ("DX", "AP")


def test_a_film_larger_than_one_answer_is_served_in_pieces(
    application: Application, reader: Api
) -> None:
    large = POSITIVE + bytes(5 * 1024 * 1024)
    film = listed(application, reader, "worklist/large.jpeg", large)
    first = reader.call("GET", f"api/films/{film}/image", Range="bytes=0-")
    second = reader.call("GET", f"api/films/{film}/image", Range=f"bytes={len(first.body)}-")
    assert len(first.body) < len(large)
    assert first.body + second.body == large


def test_a_reject_leaves_the_list_when_a_newer_version_is_screened(
    application: Application, reader: Api
) -> None:
    key = f"worklist-api/{uuid4().hex}.jpeg"
    reject = listed(application, reader, key, b"%PDF-1.7")
    assert reader.call("GET", f"api/films/{reject}").json()["state"] == "to-review"
    better = listed(application, reader, key)

    def replaced() -> bool:
        found = reader.call("GET", f"api/films/{reject}").json()
        return (found["state"], found["replaced"]) == ("not-asked", better)

    wait_until(replaced, "the reject to leave the list")


def test_a_positive_leaves_the_list_when_it_is_reviewed(
    application: Application, reader: Api
) -> None:
    film = listed(application, reader, "worklist/leaves.jpeg")

    def films(**wanted: str) -> list[str]:
        return [each["film"] for each in reader.call("POST", "api/list", wanted).json()["films"]]

    text = "LEAVES"  # a search ignores case
    assert films(text=text) == films(text=text, finding="PNEUMONIA") == [film]
    assert review(reader, film, "UNSURE").status == 200
    assert films(text=text) == [film], "somebody has to look who is sure"
    said = review(reader, film, "NORMAL", note="A fold of skin.").json()
    assert [each["decision"] for each in said["reviews"]] == ["UNSURE", "OVERRULED"]
    assert said["reviews"][1]["note"] == "A fold of skin."
    assert said["reviews"][1]["scoreSeen"] is True
    assert films(text=text) == []
    assert films(text=text, view="reviewed") == [film]
    assert films(text=text, view="reviewed", since="2100-01-01T00:00:00Z") == []
    record = application.record("worklist/leaves.jpeg", alert="SENT")
    assert record.judgement.finding == "PNEUMONIA", "a review never changes the record"


def test_a_negative_needs_no_review_but_can_be_reviewed(
    application: Application, reader: Api
) -> None:
    film = listed(application, reader, "worklist/normal.jpeg", NEGATIVE)
    found = reader.call("POST", "api/list", {"text": "worklist/normal", "view": "all"}).json()
    assert [each["state"] for each in found["films"]] == ["not-asked"]
    assert review(reader, film, "PNEUMONIA").json()["decisions"] == ["OVERRULED"]


def test_concurrent_reviews_are_both_kept(
    application: Application, reader: Api, other: Api
) -> None:
    film = listed(application, reader, "worklist/both.jpeg")
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda one: review(one[0], film, one[1]),
                [(reader, "PNEUMONIA"), (other, "NORMAL")],
            )
        )
    assert [answer.status for answer in answers] == [200, 200]
    said = reader.call("GET", f"api/films/{film}").json()
    assert {each["reader"]: each["reading"] for each in said["reviews"]} == {
        "reader": "PNEUMONIA",
        "other": "NORMAL",
    }
    assert said["disputed"]
    assert said["readers"] == 2


def test_a_review_sent_twice_is_stored_once(application: Application, reader: Api) -> None:
    film = listed(application, reader, "worklist/twice.jpeg")
    answers = reader.call("GET", f"api/films/{film}").json()["answers"]
    body = {"id": uuid4().hex, "reading": "PNEUMONIA", "answers": answers}
    path = f"api/films/{film}/reviews"
    assert reader.call("POST", path, body).status == 200
    assert len(reader.call("POST", path, body).json()["reviews"]) == 1
    # Another review with the same id is refused and does not change it.
    refused = reader.call("POST", path, {**body, "reading": "NORMAL"})
    assert refused.status == 400
    assert refused.json()["error"].endswith(".")
    found = reader.call("GET", f"api/films/{film}").json()
    assert [each["reading"] for each in found["reviews"]] == ["PNEUMONIA"]


def test_a_review_of_a_replaced_judgement_is_refused(application: Application, reader: Api) -> None:
    film = listed(application, reader, "worklist/stale.jpeg")
    answer = review(reader, film, "PNEUMONIA", answers="2020-01-01T00:00:00.000Z")
    assert answer.status == 409
    assert "screened again" in answer.json()["error"]


def hide(application: Application, film: str) -> None:
    """Mark the film as drawn for a blinded reading."""
    dynamodb: Any = application.stack.dynamodb
    table = application.stack.outputs["WorklistTableName"]
    entry = read_entry(dynamodb.get_item(TableName=table, Key={"film": {"S": film}})["Item"])
    drawn = replace(entry, hidden=True, chance=Decimal("0.1"))
    dynamodb.put_item(TableName=table, Item=item(drawn))


def test_a_drawn_film_shows_its_score_after_the_reading(
    application: Application, reader: Api, other: Api
) -> None:
    film = listed(application, reader, "worklist/drawn.jpeg", NEGATIVE)
    hide(application, film)
    for finding in ("", "PNEUMONIA", "NORMAL"):
        wanted = {"text": "worklist/drawn", "finding": finding}
        (row,) = reader.call("POST", "api/list", wanted).json()["films"]
        assert row["hidden"]
        assert not {"finding", "probability"} & set(row)
    before = reader.call("GET", f"api/films/{film}")
    for word in (b"probability", b"NORMAL", b"model"):
        assert word not in before.body
    said = review(reader, film, "NORMAL").json()
    assert said["finding"] == "NORMAL"
    assert said["reviews"][0]["scoreSeen"] is False
    assert review(other, film, "NORMAL").json()["reviews"][1]["scoreSeen"] is False
    assert b"probability" in other.call("GET", f"api/films/{film}").body


def test_the_networks_performance_is_for_administrators(
    application: Application, reader: Api, administrator: Api
) -> None:
    film = listed(application, reader, "worklist/worth.jpeg")
    assert review(reader, film, "PNEUMONIA").status == 200
    answer = administrator.call("GET", "api/performance?days=30&wanted=0.95")
    assert answer.status == 200
    (row,) = answer.json()["tables"][0]["rows"]
    assert int(row[2]) >= 1, "positives read"
    assert administrator.call("GET", "api/performance?days=x").status == 400
    assert administrator.call("GET", f"api/films/{film}").status == 200


def test_people_are_reminded_once_of_an_unreviewed_positive(
    application: Application, reader: Api
) -> None:
    stack = application.stack
    key, version = "worklist/forgotten.jpeg", uuid4().hex
    screenings = stack.outputs["ScreeningsTableName"]
    stack.dynamodb.put_item(
        TableName=screenings,
        Item={
            "key": {"S": key},
            "version": {"S": version},
            "bucket": {"S": stack.outputs["UploadsBucketName"]},
            "etag": {"S": "etag"},
            "size": {"N": "1"},
            "uploaded": {"S": "2026-01-01T00:00:00.000Z"},
            "classified": {"S": "2026-01-01T00:00:01.000Z"},
            "finding": {"S": "PNEUMONIA"},
            "probability": {"N": "0.9"},
            "cutoff": {"N": "0.1"},
            "alert": {"S": "SENT"},
        },
    )
    film = film_name(key, version)
    wait_until(lambda: reader.call("GET", f"api/films/{film}").status == 200, "its entry")
    functions: Any = stack.client("lambda")

    def remind() -> int:
        name = stack.outputs["RemindFunctionName"]
        answer = functions.invoke(FunctionName=name)
        reminded: int = json.load(answer["Payload"])["reminded"]
        return reminded

    assert remind() == 1
    assert remind() == 0
    link = f"{stack.outputs['WorklistUrl']}/#film/{film}"
    wait_until(lambda: any(link in text for text in application.all_mails()), "the mail")
    reminders = [text for text in application.all_mails() if link in text]
    assert len(reminders) == 1
    assert key not in reminders[0]
    assert reader.call("GET", f"api/films/{film}").json()["reminded"]
