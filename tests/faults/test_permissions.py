"""Each permission of the function is removed in turn: that step fails, and no other."""

from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.application import POSITIVE as FILM
from tests.e2e.application import Application, wait_until
from tests.e2e.test_outages import denied
from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS
from tests.faults.faults import error
from tests.faults.proxy import Exchange, Reply

# What was called when the function gave the film up, and what must not have been called after.
STEPS = ["Query", "GetObject", "InvokeEndpoint", "PutItem", "PublishBatch", "UpdateItem"]


@pytest.mark.parametrize(
    ("action", "last_step"),
    [
        ("dynamodb:Query", "Query"),
        ("s3:GetObjectVersion", "GetObject"),
        ("dynamodb:PutItem", "PutItem"),
        ("sns:Publish", "PublishBatch"),
        pytest.param("dynamodb:UpdateItem", "UpdateItem", marks=pytest.mark.slow),
    ],
)
def test_without_a_permission_its_step_alone_fails(
    cloud: BrokenCloud, action: str, last_step: str
) -> None:
    before = cloud.proxy.answered.copy()
    given_back = cloud.given_back
    with cloud.short_lived_function(seconds=20):
        with denied(Application(cloud.stack), action):
            film = cloud.ledger.drop(f"denied/{action}.jpeg", FILM)
            wait_until(lambda: cloud.given_back > given_back, "a failed try", 60)
            called = cloud.proxy.answered - before
            record = cloud.ledger.record(film)
            cloud.ledger.collect()
            alerts = cloud.ledger.alerts[film]
        cloud.settle(120)
    reached = STEPS[: STEPS.index(last_step) + 1]
    assert set(reached) <= set(called)
    assert not set(STEPS[len(reached) :]) & set(called) - {"UpdateItem"}  # gives its claim back
    assert (record is not None) == (last_step in ("PublishBatch", "UpdateItem"))
    assert alerts == (last_step == "UpdateItem")
    settled = cloud.ledger.record(film)
    assert settled
    assert settled.alert == "SENT"
    RESULTS.append((f"without {action}", "tried again by the queue", "as expected"))


def test_without_permission_to_postpone_a_failed_film_waits_out_the_queues_own_time(
    cloud: BrokenCloud,
) -> None:
    answers: list[Reply] = []

    def note(exchange: Exchange) -> Reply:
        answers.append(exchange.forward())
        return answers[-1]

    action = "sqs:ChangeMessageVisibility"
    with cloud.short_lived_function(seconds=5):
        with (
            denied(Application(cloud.stack), action),
            cloud.proxy.fault("ChangeMessageVisibilityBatch", note),
            cloud.proxy.fault("InvokeEndpoint", error(503, "ServiceUnavailable")),
        ):
            film = cloud.ledger.drop(f"denied/{action}.jpeg", FILM)
            wait_until(lambda: answers, "a failed try", 60)
        assert answers[0].status == 403
        assert cloud.ledger.record(film) is None
        cloud.settle(120)
    cloud.ledger.collect()
    assert cloud.ledger.alerts[film] == cloud.ledger.told[film] == 1
    RESULTS.append(
        (f"without {action}", "tried again when the queue shows it again", "as expected")
    )


def test_a_bucket_without_versions_needs_its_own_permission(cloud: BrokenCloud) -> None:
    """Its events name no version, so the film is read by its key and ETag."""
    key, version = cloud.ledger.drop("denied/unversioned.jpeg", FILM)
    cloud.settle()
    versioned = cloud.upload((key, version))
    unversioned = f"{versioned.etag}#0065D3B6F0A1B2C3D4"
    upload = replace(versioned, version=unversioned, version_id=None)
    film = (key, unversioned)
    cloud.ledger.dropped.add(film)
    asked = cloud.proxy.answered["InvokeEndpoint"]
    given_back = cloud.given_back
    with denied(Application(cloud.stack), "s3:GetObject"):
        cloud.tell(upload)
        wait_until(lambda: cloud.given_back > given_back, "a failed try", 60)
        assert cloud.proxy.answered["InvokeEndpoint"] == asked
        assert cloud.ledger.record(film) is None
    cloud.settle()
    record = cloud.ledger.record(film)
    assert record
    assert record.alert == "SENT"
    name = "without s3:GetObject, in a bucket without versions"
    RESULTS.append((name, "tried again by the queue", "as expected"))


def test_the_deployed_role_may_do_this_and_nothing_else(cloud: BrokenCloud) -> None:
    """Remove each permission in turn, as the emulator's policy simulator reads the role.

    This is the only check of permissions that the emulator does not enforce: the endpoint (a
    separate process here), the key, the log, traces, distinguishing deleted from forbidden films,
    and polling.
    """
    iam: Any = cloud.stack.client("iam")
    function: Any = cloud.stack.client("lambda")
    outputs = cloud.stack.outputs
    name = outputs["ClassifyFunctionName"]
    role = function.get_function_configuration(FunctionName=name)["Role"]
    account = role.split(":")[4]
    queue = cloud.stack.sqs.get_queue_attributes(
        QueueUrl=outputs["UploadsQueueUrl"], AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    dead_letters = outputs["UploadsDeadLetterQueueArn"]
    bucket = f"arn:aws:s3:::{outputs['UploadsBucketName']}"
    table = f"arn:aws:dynamodb:us-east-1:{account}:table/{outputs['ScreeningsTableName']}"
    log = f"arn:aws:logs:us-east-1:{account}:log-group:{outputs['LogGroupName']}:log-stream:one"
    endpoint = f"arn:aws:sagemaker:us-east-1:{account}:endpoint/{outputs['EndpointName']}"
    needed = {
        "sqs:ReceiveMessage": queue,
        "sqs:DeleteMessage": queue,
        "sqs:GetQueueAttributes": queue,
        "sqs:ChangeMessageVisibility": queue,
        "sqs:SendMessage": dead_letters,
        "s3:GetObject": f"{bucket}/film.jpeg",
        "s3:GetObjectVersion": f"{bucket}/film.jpeg",
        "s3:ListBucket": bucket,
        "s3:ListBucketVersions": bucket,
        "sagemaker:InvokeEndpoint": endpoint,
        "dynamodb:GetItem": table,
        "dynamodb:Query": table,
        "dynamodb:PutItem": table,
        "dynamodb:UpdateItem": table,
        "sns:Publish": outputs["AlertsTopicArn"],
        "kms:Decrypt": outputs["KeyArn"],
        "kms:GenerateDataKey": outputs["KeyArn"],
        "kms:DescribeKey": outputs["KeyArn"],
        "kms:Encrypt": outputs["KeyArn"],
        "kms:ReEncryptFrom": outputs["KeyArn"],
        "kms:ReEncryptTo": outputs["KeyArn"],
        "logs:CreateLogStream": log,
        "logs:PutLogEvents": log,
    }
    tracing = {"xray:PutTraceSegments": "*", "xray:PutTelemetryRecords": "*"}
    beyond = {
        "sqs:SendMessage": queue,
        "s3:PutObject": f"{bucket}/film.jpeg",
        "s3:DeleteObject": f"{bucket}/film.jpeg",
        "s3:DeleteObjectVersion": f"{bucket}/film.jpeg",
        "sagemaker:DeleteEndpoint": endpoint,
        "dynamodb:DeleteItem": table,
        "dynamodb:Scan": table,
        "sns:Subscribe": outputs["AlertsTopicArn"],
        "kms:ScheduleKeyDeletion": outputs["KeyArn"],
        "iam:PutRolePolicy": role,
    }

    def allowed(action: str, resource: str) -> bool:
        (answer,) = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
        )["EvaluationResults"]
        return bool(answer["EvalDecision"] == "allowed")

    renditions = f"arn:aws:s3:::{outputs['RenditionsBucketName']}"
    to_render = {
        *(
            ("sqs:SendMessage", f"{queue.rpartition(':')[0]}:{outputs[url].rpartition('/')[2]}")
            for url in ("RenditionsQueueUrl", "RenditionsBackfillQueueUrl")
        ),
        ("s3:GetObject", f"{renditions}/film.png"),
        ("s3:ListBucket", renditions),
    }
    assert [one for one in to_render if not allowed(*one)] == []

    every = needed | tracing
    granted: set[str] = set()
    for statement in _statements(iam, role.rsplit("/", 1)[-1]):
        actions = statement["Action"]
        granted |= {actions} if isinstance(actions, str) else set(actions)
    assert granted == set(every)
    assert [action for action, own in every.items() if not allowed(action, own)] == []
    # What belongs to someone else is named otherwise.
    others = {action: own.replace("cxr-alert", "other") for action, own in needed.items()}
    of_the_key = [action for action in needed if action.startswith("kms:")]
    others |= dict.fromkeys(of_the_key, f"{outputs['KeyArn'][:-1]}x")
    assert not set(others.items()) & set(needed.items())
    assert [action for action, other in others.items() if allowed(action, other)] == []
    assert [action for action, own in beyond.items() if allowed(action, own)] == []
    for taken in every:
        with denied(Application(cloud.stack), taken):
            assert [action for action, own in every.items() if not allowed(action, own)] == [taken]


def _statements(iam: Any, role: str) -> list[dict[str, Any]]:
    """Return all that a role is allowed, by its own policy and by the functions' shared one."""
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    own = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    (attached,) = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    arn = attached["PolicyArn"]
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    shared = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return [*own["Statement"], *shared["Statement"]]
