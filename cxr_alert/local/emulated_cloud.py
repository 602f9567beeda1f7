"""Corrections of ministack 1.5, so that the emulator behaves like AWS for this application.

It runs in the emulator's own environment; each difference has its section. After an upgrade of
ministack, try them one by one and remove those that are no longer needed.
"""

import json
import mailbox
import os
from contextvars import ContextVar
from email.message import EmailMessage
from email.policy import default
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from ministack import app as gateway  # type: ignore[import-not-found]
from ministack.core import iam_actions, iam_evaluator  # type: ignore[import-not-found]
from ministack.services import (  # type: ignore[import-not-found]
    apigateway,
    cloudtrail,
    dynamodb,
    eventbridge,
    kms,
    lambda_svc,
    s3,
    sns,
)
from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

# API Gateway gives an API its own address, known only after deployment. Here the worklist's address
# is fixed beforehand, so that the login page can redirect to it: requests below /worklist/ go to
# the API of that name.

_WORKLIST = "/worklist/"


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
    path = scope.get("path", "")
    if scope["type"] == "http" and path.startswith(_WORKLIST):
        path = f"/_aws/execute-api/{_worklist_api()}/$default/{path.removeprefix(_WORKLIST)}"
        scope = {**scope, "path": path, "raw_path": path.encode()}
    await gateway.app(scope, receive, send)


def _worklist_api() -> str:
    apis = apigateway._apis._data.values()
    named = (api["apiId"] for api in apis if api["name"].endswith("-worklist"))
    return next(named, "none")


# S3's events name the object version in `detail.object.version-id`, and the function reads and
# records that version; the emulator leaves it out.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html

_version: ContextVar[str | None] = ContextVar("version", default=None)
_fire_s3_event = s3._fire_s3_event
_dispatch_event = eventbridge._dispatch_event


def _fire_with_version(*arguments: Any, version_id: str | None = None, **options: Any) -> None:  # noqa: ANN401
    token = _version.set(version_id)
    try:
        _fire_s3_event(*arguments, version_id=version_id, **options)
    finally:
        _version.reset(token)


def _dispatch_with_version(event: dict[str, Any], *rest: Any) -> None:  # noqa: ANN401
    if event["Source"] == "aws.s3" and (version := _version.get()):
        detail = json.loads(event["Detail"])
        detail["object"].setdefault("version-id", version)
        event = {**event, "Detail": json.dumps(detail)}
    _dispatch_event(event, *rest)


s3._fire_s3_event = _fire_with_version
eventbridge._dispatch_event = _dispatch_with_version

# S3 answers a range request with that range, also for a named version; the emulator sends the whole
# version.

_get_object = s3._get_object


def _get_range(
    bucket: str, key: str, headers: dict[str, str], query: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any], Any]:
    status, answered, body = _get_object(bucket, key, headers, query)
    asked = headers.get("range")
    if status != HTTPStatus.OK or not asked or not isinstance(body, bytes):
        return status, answered, body
    found = s3._parse_range(asked, len(body))
    if found is None:
        message = "The requested range is not satisfiable"
        refused: tuple[int, dict[str, Any], Any] = s3._error("InvalidRange", message, 416, key)
        return refused
    first, last = found
    # S3 sends no checksum with a range, since it is that of the whole film.
    answered = {name: answered[name] for name in answered if "checksum" not in name.lower()}
    answered["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    answered["Content-Length"] = str(last - first + 1)
    return HTTPStatus.PARTIAL_CONTENT, answered, body[first : last + 1]


s3._get_object = _get_range

# DynamoDB seeks in an index; the emulator compares every item of a partition, and parses the same
# condition again for each. With one parse, a list of thousands takes a tenth of the time.

_tokenize = lru_cache(256)(dynamodb._tokenize)
dynamodb._tokenize = lambda expression: list(_tokenize(expression))
dynamodb._condition_syntax_error = lru_cache(256)(dynamodb._condition_syntax_error)

# Functions that share a log group have streams that name them; the emulator's don't.
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html

_emit_lambda_logs = lambda_svc._emit_lambda_logs


def _emit_into_named_stream(func: dict[str, Any], *rest: Any, **options: Any) -> None:  # noqa: ANN401
    config = func.get("config") or func
    if config.get("LoggingConfig"):
        version = f"{config['FunctionName']}[{config.get('Version', '$LATEST')}]"
        func = {**config, "Version": version}
    _emit_lambda_logs(func, *rest, **options)


lambda_svc._emit_lambda_logs = _emit_into_named_stream

# SNS sends mails; the emulator only accepts the subscriptions. This writes each mail to the Maildir
# that CXR_ALERT_MAIL names. The emulator's own SNS applies the filter policies and chooses the text
# for e-mail.

_fanout = sns._fanout


def _fanout_and_mail(
    topic_arn: str,
    msg_id: str,
    message: str,
    subject: str,
    message_structure: str = "",
    message_attributes: dict[str, Any] | None = None,
    **options: Any,  # noqa: ANN401
) -> None:
    attributes = message_attributes or {}
    _fanout(topic_arn, msg_id, message, subject, message_structure, attributes, **options)
    topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
    text = sns._resolve_message_for_protocol(message, message_structure, "email")
    for subscription in topic["subscriptions"]:
        wanted = sns._matches_filter_policy(subscription, attributes, text)
        if subscription["protocol"] == "email" and wanted:
            _mail(topic, subscription["endpoint"], subject, text)


def _mail(topic: dict[str, Any], address: str, subject: str, text: str) -> None:
    mail = EmailMessage(default)
    sender = topic["attributes"].get("DisplayName") or "AWS Notifications"
    mail["From"] = f"{sender} <no-reply@sns.amazonaws.com>"
    mail["To"] = address
    mail["Subject"] = subject or "AWS Notification Message"
    mail.set_content(text)
    mailbox.Maildir(os.environ["CXR_ALERT_MAIL"]).add(mail)


sns._fanout = _fanout_and_mail

# Permission for a single action allows the batch action; the emulator requires one that a policy
# can't name. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html

_SINGLE_ACTIONS = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
_extract_iam_action = iam_actions.extract_iam_action


def _single_action(*arguments: Any) -> str | None:  # noqa: ANN401
    action: str | None = _extract_iam_action(*arguments)
    return _SINGLE_ACTIONS.get(action or "", action)


iam_actions.extract_iam_action = _single_action

# The emulator's CloudFormation knows AWS::IAM::Policy but not AWS::IAM::RolePolicy, which does the
# same for one role.


def _as_policy(properties: dict[str, Any]) -> dict[str, Any]:
    return {**properties, "Roles": [properties["RoleName"]]}


provisioners._RESOURCE_HANDLERS["AWS::IAM::RolePolicy"] = {
    "create": lambda name, properties, stack: provisioners._iam_policy_create(
        name, _as_policy(properties), stack
    ),
    "delete": lambda physical_id, properties: provisioners._iam_policy_delete(
        physical_id, _as_policy(properties)
    ),
}

# The emulator's alarms reject metric math. Without its metrics such an alarm is created and is
# never raised; that is true of all alarms here, since the emulator has no metrics of AWS.

_cw_metric_alarm_put = provisioners._cw_metric_alarm_put


def _put_without_math(name: str, properties: dict[str, Any]) -> Any:  # noqa: ANN401
    known = {key: value for key, value in properties.items() if key != "Metrics"}
    return _cw_metric_alarm_put(name, {"Namespace": "none", "MetricName": "none", **known})


provisioners._cw_metric_alarm_put = _put_without_math

# CloudFormation converts a number from a parameter, which arrives as text, to a number. In the
# emulator, an event source mapping with MaximumConcurrency as text stops the poller.

_sqs_esm_concurrency = lambda_svc._sqs_esm_concurrency


def _concurrency_as_number(mapping: dict[str, Any], *rest: Any) -> int:  # noqa: ANN401
    scaling = {name: int(value) for name, value in (mapping.get("ScalingConfig") or {}).items()}
    limit: int = _sqs_esm_concurrency({**mapping, "ScalingConfig": scaling}, *rest)
    return limit


lambda_svc._sqs_esm_concurrency = _concurrency_as_number

# AWS checks access to a log by the log group's ARN with `:log-stream:` appended. The group's name
# alone does not match it, and the ARN from CloudFormation, `...:*`, does.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/permissions-reference-cwl.html

_STREAM_ACTIONS = ("FilterLogEvents", "GetLogEvents")
_extract_resource_arn = iam_actions.extract_resource_arn


def _resource_of_logs(service: str, method: str, path: str, headers: Any, *rest: Any) -> str:  # noqa: ANN401
    arn: str = _extract_resource_arn(service, method, path, headers, *rest)
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    return f"{arn}:log-stream:" if service == "logs" and action in _STREAM_ACTIONS else arn


iam_actions.extract_resource_arn = _resource_of_logs

# The emulator's CloudFormation has no trails. As in AWS, one is created only if CloudTrail may use
# the key of its log and write to the bucket.
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html

_CLOUDTRAIL = "cloudtrail.amazonaws.com"
_TRAIL_USES_KEY = ("kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey")


def _trail_create(_: str, properties: dict[str, Any], __: str) -> tuple[str, dict[str, str]]:
    name, bucket = properties["TrailName"], properties["S3BucketName"]
    arn = cloudtrail._trail_arn(name)
    key = properties.get("KMSKeyId")
    if key:
        policy, _account = kms.key_policy_for_arn(key) or ("", "")
        for action in _TRAIL_USES_KEY:
            if not _admits(policy, action, key, arn):
                raise ValueError(
                    f"InsufficientEncryptionPolicyException: {action} on {key} for trail {name}"
                )
    policy, _account = s3.bucket_policy_for_arn(f"arn:aws:s3:::{bucket}") or ("", "")
    log = f"arn:aws:s3:::{bucket}/AWSLogs/{arn.split(':')[4]}/film.json.gz"
    acl = {"s3:x-amz-acl": "bucket-owner-full-control"}
    looks = _admits(policy, "s3:GetBucketAcl", f"arn:aws:s3:::{bucket}", arn)
    if not (looks and _admits(policy, "s3:PutObject", log, arn, acl)):
        raise ValueError(f"InsufficientS3BucketPolicyException: bucket {bucket}, trail {name}")
    body = {"Name": name, "S3BucketName": bucket, "KmsKeyId": key or ""}
    status, _headers, answer = cloudtrail._create_trail(body)
    if status != HTTPStatus.OK:
        raise ValueError(answer.decode())
    selectors = properties["AdvancedEventSelectors"]
    cloudtrail._put_event_selectors({"TrailName": name, "AdvancedEventSelectors": selectors})
    cloudtrail._start_logging({"Name": name})
    return name, {"Arn": arn}


def _admits(
    policy: str, action: str, resource: str, trail: str, context: dict[str, str] | None = None
) -> bool:
    """Return whether a resource's policy allows this to CloudTrail for a trail."""
    asked = iam_evaluator.EvalContext(
        principal_arn=_CLOUDTRAIL,
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=trail.split(":")[3],
        service_context={"aws:sourcearn": trail, **(context or {})},
    )
    whole = json.loads(policy or "{}")
    own = [
        each
        for each in whole.get("Statement", [])
        if each["Principal"] in ("*", {"Service": _CLOUDTRAIL})
    ]
    statements = iam_evaluator.parse_policy_document({**whole, "Statement": own})
    return bool(iam_evaluator.evaluate(asked, [statements]).decision == "Allow")


provisioners._RESOURCE_HANDLERS["AWS::CloudTrail::Trail"] = {
    "create": _trail_create,
    "delete": lambda physical_id, _: cloudtrail._delete_trail({"Name": physical_id}),
}

# The template denies requests without TLS. Requests that never leave this machine count as TLS.

_pin_request_origin = gateway.pin_request_origin


def _pin_as_secure(address: str, _: bool) -> None:
    _pin_request_origin(address, secure_transport=True)


gateway.pin_request_origin = _pin_as_secure
