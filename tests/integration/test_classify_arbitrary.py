"""The handler on arbitrary messages: it never raises, and returns or settles all of them."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from screening.upload import Upload, event_of, read_upload
from tests.docs.valid import valid
from tests.integration.classify_cloud import Cloud, Context, EndpointStub, Function, Reply

ARBITRARY = settings(
    max_examples=150,
    deadline=None,
    # One function and one cloud for all examples, like a warm function.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def with_some_replaced(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The event with any value, at any depth, removed or replaced."""

    def replaced(value: Any) -> st.SearchStrategy[Any]:
        if not isinstance(value, dict):
            return st.one_of(st.just(value), st.just(value), json_values)
        members = {name: replaced(inner) for name, inner in value.items()}
        return st.fixed_dictionaries({}, optional=members) | st.fixed_dictionaries(members)

    return replaced(whole)


EVENT = event_of(
    Upload("a.jpeg", "v", "uploads", "v", "e", 10, uploaded="2026-11-22T10:15:30.000Z")
)
bodies = st.one_of(
    st.text(max_size=50),
    json_values.map(json.dumps),
    with_some_replaced(EVENT).map(json.dumps),
)


@ARBITRARY
@given(st.lists(bodies, min_size=1, max_size=5))
def test_any_messages_are_settled_or_given_back(
    function: Function, cloud: Cloud, endpoint: EndpointStub, messages: list[str]
) -> None:
    endpoint.finds(0.93)
    records = [cloud.message(body) for body in messages]
    response = function.handler({"Records": records}, Context())
    failed = {each["itemIdentifier"] for each in response["batchItemFailures"]}
    assert failed <= {record["messageId"] for record in records}


@ARBITRARY
@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_answer_of_the_endpoint_is_a_record_or_a_try_again(
    function: Function, cloud: Cloud, endpoint: EndpointStub, body: bytes
) -> None:
    endpoint.says(Reply(200, body, {"Content-Type": "application/json"}))
    message = cloud.drop("a.jpeg")
    before = count(cloud)
    response = function.handler({"Records": [message]}, Context())
    assert len(response["batchItemFailures"]) + count(cloud) - before == 1
    if not response["batchItemFailures"]:
        upload = read_upload(message["body"])
        assert upload
        found = cloud.screenings.get_item(Key={"key": upload.key, "version": upload.version})
        assert valid("record", found["Item"])["finding"] in ("NORMAL", "PNEUMONIA")


def count(cloud: Cloud) -> int:
    """Return the number of records, which `Cloud.records` would all validate."""
    return cloud.screenings.scan(Select="COUNT")["Count"]


@ARBITRARY
@given(st.text(min_size=1, max_size=40).filter(lambda key: "\x00" not in key))
def test_no_key_reaches_the_log(
    function: Function, cloud: Cloud, endpoint: EndpointStub, log: Any, key: str
) -> None:
    endpoint.finds(0.93)
    event = json.loads(json.dumps(EVENT))
    event["detail"]["object"]["key"] = f"patient-{key}"
    function.handler({"Records": [cloud.message(event)]}, Context())
    assert "patient-" not in log.getvalue()
