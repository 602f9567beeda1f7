"""The steps of a rehearsal: each names its assumption about AWS, and the findings behind it.

A step returns what it observed. It raises Refuted if the assumption is wrong, and NotJudged if this
cloud can't show it.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from cxr_alert.local.dicom_samples import as_dicom
from cxr_alert.operate.check import check
from cxr_alert.rehearsal.journal import Kind, Thing
from cxr_alert.rehearsal.stage import NotJudged, Refuted, Stage
from cxr_alert.rehearsal.takedown import note_what_outlives
from screening.judgement import Finding
from training.sagemaker.prices import HOURS_A_MONTH, read_prices

_SAMPLES = Path(__file__).parents[2] / "samples"
_POSITIVE = _SAMPLES / "PNEUMONIA" / "person1923_bacteria_4831.jpeg"
_NEGATIVE = _SAMPLES / "NORMAL" / "IM-0482-0001.jpeg"
_LETTER = b"%PDF-1.7 Dear colleague"
_DEAD = ("Uploads", "Renditions", "People")
_MOST_A_MONTH = 13.0  # fixed monthly cost of the application alone: see docs/performance.md
_MESSAGES_SECONDS = 5  # time to wait for a message that must not arrive


@dataclass(frozen=True)
class Step:
    """One step; `findings` are those of docs/reliability.md, `minutes` its longest time in AWS."""

    name: str
    findings: str
    assumption: str
    minutes: int
    run: Callable[[Stage], str]


def _deploy(stage: Stage) -> str:
    settings = stage.settings
    stage.journal.add(Thing(Kind.STACK, settings.stack))
    endpoint = f"EndpointName={settings.endpoint}"
    stage.deploy([endpoint, "RetrySeconds=5", "DigestSeconds=1", "KeepTrail=yes"])
    note_what_outlives(stage.journal, settings.stack)
    return "deployed, with a trail"


def _listen(stage: Stage) -> str:
    sqs = stage.client("sqs")
    name = f"{stage.settings.stack}-messages"
    topics = ("AlertsTopicArn", "NotificationsTopicArn", "OperationsTopicArn")
    arns = [stage.application.outputs[topic] for topic in topics]
    stage.queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    stage.journal.add(Thing(Kind.QUEUE, stage.queue))
    own = sqs.get_queue_attributes(QueueUrl=stage.queue, AttributeNames=["QueueArn"])
    arn = own["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": arns}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=stage.queue, Attributes={"Policy": policy})
    for topic in arns:
        stage.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return "one queue is subscribed to all three topics"


def _operator(stage: Stage) -> str:
    iam, sts = stage.client("iam"), stage.client("sts")
    account = sts.get_caller_identity()["Account"]
    partition = stage.application.outputs["OperatorPolicyArn"].split(":")[1]
    name = f"{stage.settings.stack}-operator"
    stage.journal.add(Thing(Kind.ROLE, name))
    trusted = {"AWS": f"arn:{partition}:iam::{account}:root"}
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=stage.application.outputs["OperatorPolicyArn"])

    def assumed() -> Any:  # noqa: ANN401
        try:
            found = sts.assume_role(RoleArn=role, RoleSessionName="rehearsal")["Credentials"]
        except ClientError:  # a new role takes some seconds to be known everywhere
            return None
        session: Any = boto3.Session(
            found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]
        )
        return session if _sees_the_stack(session, stage.settings.stack) else None

    session = stage.wait(assumed, "the operator's role may describe the stack by its name", 180)
    calls = _calls_of_an_operator(session, stage.application.outputs)
    for call in calls:
        call()
    forbidden = partial(
        session.client("s3").delete_object,
        Bucket=stage.application.outputs["UploadsBucketName"],
        Key="rehearsal/nobody-has-this.jpeg",
    )
    try:
        forbidden()
    except ClientError as error:
        if "AccessDenied" not in error.response["Error"]["Code"]:
            raise
        return f"{len(calls) + 1} calls allowed; to delete a film is refused"
    raise Refuted("An operator may delete films.")


def _sees_the_stack(session: Any, stack: str) -> bool:  # noqa: ANN401
    try:
        session.client("cloudformation").describe_stacks(StackName=stack)
    except ClientError as error:
        if "Denied" in error.response["Error"]["Code"]:
            return False
        raise
    return True


def _calls_of_an_operator(session: Any, outputs: dict[str, str]) -> list[Callable[[], Any]]:  # noqa: ANN401
    sqs, dynamodb = session.client("sqs"), session.client("dynamodb")
    functions = [value for name, value in outputs.items() if name.endswith("FunctionName")]
    queues = [value for name, value in outputs.items() if name.endswith("QueueUrl")]
    return [
        *(
            partial(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["QueueArn"])
            for url in queues
        ),
        *(
            partial(session.client("lambda").get_function_configuration, FunctionName=name)
            for name in functions
        ),
        partial(
            dynamodb.query,
            TableName=outputs["ScreeningsTableName"],
            IndexName="latest-findings",
            KeyConditionExpression="finding = :finding",
            ExpressionAttributeValues={":finding": {"S": "PNEUMONIA"}},
        ),
        partial(
            session.client("sns").list_subscriptions_by_topic,
            TopicArn=outputs["NotificationsTopicArn"],
        ),
        partial(session.client("cloudwatch").describe_alarms, MaxRecords=1),
        partial(
            session.client("logs").filter_log_events, logGroupName=outputs["LogGroupName"], limit=1
        ),
        partial(
            session.client("s3").list_object_versions,
            Bucket=outputs["UploadsBucketName"],
            MaxKeys=1,
        ),
    ]


def _first_film(stage: Stage) -> str:
    done = check(stage.application, _NEGATIVE.read_bytes(), lambda _: None, stage.settings.patience)
    return f"the first record came after {done.seconds:.0f} s"


def _samples(stage: Stage) -> str:
    wanted = {
        "rehearsal/positive.jpeg": (_POSITIVE.read_bytes(), Finding.PNEUMONIA),
        "rehearsal/negative.jpeg": (_NEGATIVE.read_bytes(), Finding.NORMAL),
        "rehearsal/film.dcm": (as_dicom(_POSITIVE), Finding.PNEUMONIA),
        "rehearsal/letter.pdf": (_LETTER, Finding.REJECTED),
    }
    versions = {key: stage.drop(key, body) for key, (body, _) in wanted.items()}
    for key, (_, finding) in wanted.items():
        found = stage.record(key, versions[key]).judgement.finding
        if found is not finding:
            raise Refuted(f"{key} is {found}, and not {finding}.")
    alerted = {key for key, (_, finding) in wanted.items() if finding is not Finding.NORMAL}
    stage.wait(
        lambda: all(stage.alerts(key) == 1 for key in alerted), "one alert for each of three"
    )
    stage.wait(lambda: all(map(stage.people_know, alerted)), "messages for people about all three")
    if stage.alerts("rehearsal/negative.jpeg"):
        raise Refuted("A negative raised an alert.")
    return "four records; programs and people were notified of the two positives and the reject"


def _rewritten(stage: Stage) -> str:
    key = "rehearsal/positive.jpeg"
    bucket = stage.application.outputs["UploadsBucketName"]
    copied = stage.application.s3.copy_object(
        Bucket=bucket,
        Key=key,
        CopySource={"Bucket": bucket, "Key": key},
        MetadataDirective="REPLACE",
        Metadata={"file-permissions": "0644"},
    )
    record = stage.record(key, copied["VersionId"])
    time.sleep(_MESSAGES_SECONDS)
    if not record.repeats or stage.alerts(key) != 1:
        raise Refuted("The copy was screened and alerted as a film of its own.")
    return "a new version, a record that repeats the first one's, no second alert"


def _old_film(stage: Stage) -> str:
    key = "backfill/rehearsal.jpeg"
    stage.record(key, stage.drop(key, _POSITIVE.read_bytes()))
    stage.wait(lambda: stage.alerts(key) == 1, "the alert for programs")
    time.sleep(_MESSAGES_SECONDS)
    if stage.people_know(key):
        raise Refuted("People were notified of a film of a backfill.")
    return "screened by the second queue; programs were notified, people were not"


def _forbidden(stage: Stage) -> str:
    key = "rehearsal/forbidden.jpeg"
    denial = stage.deny(stage.role_of("ClassifyFunctionName"), "dynamodb:PutItem")
    time.sleep(0 if stage.is_local else 15)  # IAM takes some seconds
    version = stage.drop(key, _POSITIVE.read_bytes())
    try:
        seen = stage.alarm("messages-failing")
    except NotJudged as why:
        time.sleep(_MESSAGES_SECONDS)
        seen = str(why)
    recorded = stage.application.screenings.find(key, version)
    stage.allow(denial)
    if recorded:
        raise Refuted("The film has a record, though the function may write none.")
    # by now its next try may be half an hour away
    stage.record(key, version, 2.5 * stage.settings.patience)
    return f"no record while it was denied, one afterwards; {seen}"


def _break(stage: Stage) -> str:
    sqs, outputs = stage.application.sqs, stage.application.outputs
    for queue in _DEAD:
        url = outputs[f"{queue}DeadLetterQueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="a rehearsal")
    sqs.send_message(QueueUrl=outputs["UndeliveredEventsQueueUrl"], MessageBody="a rehearsal")
    stage.stop("NotifyFunctionName")
    stage.deny(stage.role_of("RenderFunctionName"), "kms:*")
    stage.drop("rehearsal/untold.jpeg", _POSITIVE.read_bytes())
    stage.drop("rehearsal/not-rendered.dcm", as_dicom(_POSITIVE))
    stage.wait(lambda: stage.alerts("rehearsal/untold.jpeg") == 1, "the alert for programs")
    time.sleep(_MESSAGES_SECONDS)
    if stage.people_know("rehearsal/untold.jpeg"):
        raise Refuted("People were notified though the trigger is off.")
    return "four dead letters, a stopped trigger, a function kept from the key"


def _dead_letters(stage: Stage) -> str:
    seen = [stage.alarm(name) for name in ("dead-letter", "dead-letters-wait", "events-failed")]
    if stage.alarm_mails("dead-letter", "OK"):
        raise Refuted("`dead-letter` sent OK while its queue is not empty.")
    return "; ".join(seen)


def _waiting(stage: Stage) -> str:
    seen = stage.alarm("queue-age")
    errors = stage.alarm_mails("function-errors", "ALARM")
    return f"{seen}; function-errors {'was raised as well' if errors else 'was not raised'}"


def _heal(stage: Stage) -> str:
    for thing in [each for each in stage.journal.things if each.kind is Kind.SOURCE]:
        stage.start(thing)
    for thing in [each for each in stage.journal.things if each.kind is Kind.DENIAL]:
        stage.allow(thing)
    keys = ("rehearsal/untold.jpeg", "rehearsal/not-rendered.dcm")
    stage.wait(lambda: all(map(stage.people_know, keys)), "messages for people about both films")
    for queue in (*(f"{name}DeadLetter" for name in _DEAD), "UndeliveredEvents"):
        url = stage.application.outputs[f"{queue}QueueUrl"]
        stage.application.sqs.purge_queue(QueueUrl=url)
    return "both films are done, and people were notified of them"


def _costs(stage: Stage) -> str:
    if stage.is_local:
        raise NotJudged("The emulator counts no metrics and has no bill.")
    cloudwatch, price = stage.client("cloudwatch"), read_prices()["around"]
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"{stage.settings.stack}-"
    )
    looked_at = sum(
        max(1, sum("MetricStat" in each for each in alarm.get("Metrics", [])))
        for page in pages
        for alarm in page["MetricAlarms"]
    )
    own = cloudwatch.get_paginator("list_metrics").paginate(
        Namespace="CxrAlert", Dimensions=[{"Name": "stack", "Value": stage.settings.stack}]
    )
    written = sum(len(page["Metrics"]) for page in own)
    polls = 5 * read_prices()["load"]["polls_a_minute"] * 60 * HOURS_A_MONTH
    month = (
        price["kms_key_month"]
        + looked_at * price["alarm_metric_month"]
        + written * price["metric_month"]
        + polls * price["sqs_request"]
    )
    seen = f"{looked_at} metrics in alarms, {written} of its own: ${month:.2f} a month"
    if month > _MOST_A_MONTH:
        raise Refuted(f"{seen}, more than ${_MOST_A_MONTH:.2f}")
    return seen


STEPS = (
    Step("deploy", "A2, A5, B1", "The template deploys as it is, with a trail.", 8, _deploy),
    Step(
        "listen",
        "",
        "A queue outside the stack receives the messages of the encrypted topics.",
        1,
        _listen,
    ),
    Step(
        "operator",
        "A3, B3",
        "A role with only OperatorPolicy finds the stack by its name and sees all of it.",
        3,
        _operator,
    ),
    Step(
        "first film",
        "",
        "S3 sends events of uploads within minutes of a deployment.",
        10,
        _first_film,
    ),
    Step(
        "samples",
        "A5",
        "JPEG, DICOM and a PDF end as records; positives and rejects are alerted, once.",
        4,
        _samples,
    ),
    Step("rewritten film", "B13", "A copy onto itself is not a second film.", 1, _rewritten),
    Step(
        "old film",
        "B12",
        "A film below backfill/ is screened, and no person is notified.",
        1,
        _old_film,
    ),
    Step(
        "no permission",
        "A4",
        "A function without write permission fails with an alarm, and the film "
        "is screened afterwards.",
        15,
        _forbidden,
    ),
    Step(
        "break", "", "Dead letters are there, a trigger stops, a function loses the key.", 2, _break
    ),
    Step(
        "dead letters",
        "A1",
        "Alarms are raised for dead letters within 20 minutes, without an OK while they stay.",
        20,
        _dead_letters,
    ),
    Step(
        "waiting messages",
        "A4",
        "Messages without a consumer raise `queue-age` within 40 minutes.",
        25,
        _waiting,
    ),
    Step(
        "heal", "", "Waiting films and alerts are processed once the cause is removed.", 15, _heal
    ),
    Step("costs", "B11", f"The fixed costs are at most ${_MOST_A_MONTH:.0f} a month.", 1, _costs),
)

NOT_REHEARSED = (
    "The alarms reconcile-stopped, nobody-subscribed and rejects take two "
    "days, two hours and a day.",
    "The bill arrives a day later: compare it with docs/performance.md.",
    "The worklist, the results' stack and the endpoint's own updates are not deployed.",
)
