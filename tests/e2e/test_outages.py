"""The deployed application while a part of it is missing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.application import POSITIVE, Application


def test_with_the_container_stopped_uploads_wait_for_it(application: Application) -> None:
    keys = ["waits-1.jpeg", "waits-2.jpeg", "waits-3.jpeg"]
    application.stack.stop_container()
    try:
        for key in keys:
            application.drop(key, POSITIVE)
        application.wait_for_failed_try()
        assert application.waiting() == 3
        assert [application.records(key) for key in keys] == [[], [], []]
    finally:
        application.stack.start_container()

    for key in keys:
        application.record(key, alert="SENT")
    application.settle()
    assert [len(application.alerts(key)) for key in keys] == [1, 1, 1]


@contextmanager
def denied(application: Application, action: str) -> Iterator[None]:
    """Remove one permission from the function's role."""
    function: Any = application.stack.client("lambda")
    iam: Any = application.stack.client("iam")
    name = application.stack.outputs["ClassifyFunctionName"]
    role = function.get_function_configuration(FunctionName=name)["Role"].rsplit("/", 1)[-1]
    deny = {"Effect": "Deny", "Action": action, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName=role, PolicyName="denied", PolicyDocument=policy)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denied")


@pytest.mark.parametrize("action", ["s3:GetObjectVersion", "dynamodb:PutItem"])
def test_without_permission_to_read_or_record_nothing_is_recorded_or_alerted(
    application: Application, action: str
) -> None:
    key = f"{action.replace(':', '-')}.jpeg"
    with denied(application, action):
        application.drop(key, POSITIVE)
        application.wait_for_failed_try()
        assert application.records(key) == []
        assert application.alerts(key) == []

    application.record(key, alert="SENT")
    assert len(application.alerts(key)) == 1


def test_without_permission_to_publish_the_record_awaits_its_alert(
    application: Application,
) -> None:
    with denied(application, "sns:Publish"):
        application.drop("unpublished.jpeg", POSITIVE)
        application.wait_for_failed_try()
        assert application.record("unpublished.jpeg").alert == "PENDING"
        assert application.alerts("unpublished.jpeg") == []

    application.record("unpublished.jpeg", alert="SENT")
    application.settle()
    assert len(application.records("unpublished.jpeg")) == 1
    assert len(application.alerts("unpublished.jpeg")) == 1
