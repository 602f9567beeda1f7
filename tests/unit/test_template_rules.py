"""Rules for the application's template that no linter checks."""

import json
import re
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

import classify.handler
import notify.handler
import reconcile.handler
import render.handler
import watch.handler
from aws.clients import BATCH_SIZE, longest_wait
from aws.endpoint import BUSY_SECONDS
from aws.queue import wait_seconds
from aws.uploads_bucket import DOWNLOAD_SECONDS, LARGEST_MB
from classify.batch import WAIT_FOR_OTHERS_SECONDS
from imaging.sandbox import MEMORY_BYTES, SECONDS, START_SECONDS
from screening.config import DEFAULT_CUTOFF, ENDPOINT_NAME, NAMESPACE, RETENTION_DAYS, Config
from screening.upload import BACKFILL_PREFIX
from tests.unit.templates import ROOT, Template, metrics_of, read, variables

FUNCTIONS: dict[str, Any] = {
    "ClassifyFunction": Config,
    "RenderFunction": render.handler.Config,
    "NotifyFunction": notify.handler.Config,
    "ReconcileFunction": reconcile.handler.Config,
    "WatchFunction": watch.handler.Config,
}


TEMPLATE = read("template.yaml")
RESOURCES = TEMPLATE.resources


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[name]["Properties"]
    return found


of_type = TEMPLATE.of_type


def test_all_waits_together_end_before_the_functions_timeout() -> None:
    waits = [
        longest_wait("dynamodb"),  # is there a record?
        longest_wait("s3"),  # of a copy: does it follow a version without one?
        longest_wait("s3"),
        DOWNLOAD_SECONDS,  # or, where S3 refuses to hand it out, which key is it under?
        longest_wait("sqs"),  # set aside what nobody understands
        BUSY_SECONDS,  # of the endpoint with other films
        longest_wait("sagemaker-runtime"),
        longest_wait("dynamodb"),  # write it
        longest_wait("dynamodb"),  # or give up its claim, if it stands though no answer came
        longest_wait("dynamodb"),  # or take over another's alert
        longest_wait("sns") * 2,  # ten alerts, long keys and reasons among them
        longest_wait("dynamodb"),  # mark it sent
        WAIT_FOR_OTHERS_SECONDS,
        longest_wait("dynamodb"),  # the last look at another's
        longest_wait("sqs"),
    ]
    assert sum(waits) < properties("ClassifyFunction")["Timeout"]


def test_the_function_gets_the_variables_that_it_reads_and_no_others() -> None:
    for name, config in FUNCTIONS.items():
        given = variables(TEMPLATE, name)
        assert set(given) == {field.name.upper() for field in fields(config)}


def test_the_templates_parameters_follow_the_functions_rules() -> None:
    parameters = TEMPLATE.parameters
    assert Decimal(str(parameters["Cutoff"]["Default"])) == DEFAULT_CUTOFF
    assert parameters["EndpointName"]["AllowedPattern"] == ENDPOINT_NAME
    assert tuple(parameters["RecordRetentionDays"]["AllowedValues"]) == RETENTION_DAYS


def test_alarms_look_for_the_metrics_where_the_function_puts_them() -> None:
    service = classify.handler.observer.service
    dashboard = properties("Dashboard")["DashboardBody"]["Sub"]
    assert f'["{NAMESPACE}", "FilmsScreened", "service", "{service}", "stack",' in dashboard
    services = {
        service,
        render.handler.observer.service,
        notify.handler.observer.service,
        reconcile.handler.SERVICE,
        watch.handler.SERVICE,
    }
    named = set()
    for name in of_type("AWS::CloudWatch::Alarm"):
        for metric in metrics_of(properties(name)):
            if metric["Namespace"] == NAMESPACE:
                # Without the stack's name two stacks of one account would hide each other's alarms.
                dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
                assert dimensions["stack"] == {"Ref": "AWS::StackName"}
                named.add(dimensions["service"])
    assert named == services


def test_messages_stay_hidden_while_the_function_works() -> None:
    timeout = properties("ClassifyFunction")["Timeout"]
    assert properties("UploadsQueue")["VisibilityTimeout"] >= 6 * timeout
    source = properties("ClassifyFunction")["Events"]["Uploads"]["Properties"]
    assert source["BatchSize"] == {"Ref": "FilmsInBatch"}
    films = TEMPLATE.parameters["FilmsInBatch"]
    assert films["Default"] == films["MaxValue"] == BATCH_SIZE
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_dead_letters_outlast_the_queue_they_come_from() -> None:
    queue = properties("UploadsQueue")
    given = variables(TEMPLATE, "ClassifyFunction")
    assert queue["RedrivePolicy"]["maxReceiveCount"] == int(given["MOST_TRIES"])
    tried = sum(wait_seconds(15, tries, int(given["MOST_TRIES"])) for tries in range(1, 101))
    assert 24 * 3600 < tried < queue["MessageRetentionPeriod"]
    people = variables(TEMPLATE, "NotifyFunction")
    assert properties("PeopleQueue")["RedrivePolicy"]["maxReceiveCount"] == int(
        people["MOST_TRIES"]
    )
    dead = properties("UploadsDeadLetterQueue")
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_everything_stored_is_encrypted_with_the_stacks_key() -> None:
    key = {"GetAtt": "Key.Arn"}
    # But for what comes when the key's own policy is the trouble: SQS's own encryption is on there.
    own = {"UndeliveredEventsQueue", "PeopleDeadLetterQueue"}
    for queue in of_type("AWS::SQS::Queue"):
        if queue in own:
            assert properties(queue)["SqsManagedSseEnabled"] is True
        else:
            assert properties(queue)["KmsMasterKeyId"] == key
    for topic in of_type("AWS::SNS::Topic"):
        assert properties(topic)["KmsMasterKeyId"] == key
    assert properties("Log")["KmsKeyId"] == key
    assert TEMPLATE.whole["Globals"]["Function"]["KmsKeyArn"] == key
    assert properties("ScreeningsTable")["SSESpecification"]["KMSMasterKeyId"] == key
    (rule,) = properties("UploadsBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key


@pytest.mark.parametrize(
    ("policy", "guarded"),
    [("AWS::S3::BucketPolicy", 3), ("AWS::SQS::QueuePolicy", 9), ("AWS::SNS::TopicPolicy", 3)],
)
def test_every_resource_policy_refuses_plain_http(policy: str, guarded: int) -> None:
    targets = 0
    for name in of_type(policy):
        (deny,) = [
            statement
            for statement in properties(name)["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert deny["Principal"] == "*"
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": False}}
        targets += len(properties(name).get("Queues") or properties(name).get("Topics") or [1])
    assert targets == guarded


@pytest.mark.parametrize("role", ["ClassifyRole", "RenderRole", "NotifyRole", "ReconcileRole"])
def test_the_functions_policies_name_their_resources(role: str) -> None:
    (policy,) = properties(role)["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]:
        assert statement["Resource"] != "*"
        assert "*" not in "".join(statement["Action"])
    assert properties(role)["ManagedPolicyArns"] == [{"Ref": "FunctionsPolicy"}]
    common = properties("FunctionsPolicy")["PolicyDocument"]["Statement"]
    assert [s["Sid"] for s in common if s["Resource"] == "*"] == ["WriteTraces"]


def test_the_function_may_invoke_its_endpoint_only() -> None:
    (policy,) = properties("ClassifyRole")["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    (ask,) = [s for s in statements if s["Action"] == "sagemaker:InvokeEndpoint"]
    assert ask["Resource"]["Sub"].endswith(":endpoint/${EndpointName}")
    assert "Policies" not in properties("ClassifyFunction")


def test_a_trail_may_use_the_key_of_a_bucket_with_a_bucket_key() -> None:
    """Without all three, CloudTrail refuses the trail, and the deployment is rolled back."""
    statements = properties("Key")["KeyPolicy"]["Statement"]
    (trail,) = [s for s in statements if s["Sid"] == "TrailIsEncrypted"]
    assert trail["Action"] == ["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey"]
    (selector,) = properties("Trail")["AdvancedEventSelectors"]
    followed = selector["FieldSelectors"][-1]["StartsWith"]
    assert followed == [{"Sub": "${UploadsBucket.Arn}/"}, {"Sub": "${RenditionsBucket.Arn}/"}]


def test_the_function_that_renders_has_time_for_a_film_and_its_queue_more() -> None:
    function = properties("RenderFunction")
    waits = [
        START_SECONDS,
        SECONDS,
        longest_wait("s3"),
        DOWNLOAD_SECONDS,
        longest_wait("s3"),  # refused: which key is it under?
        longest_wait("s3"),
        2 * longest_wait("sqs"),  # to hand the film on, or to postpone it
    ]
    assert sum(waits) < function["Timeout"]
    assert properties("RenditionsQueue")["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert function["Events"]["Renditions"]["Properties"]["BatchSize"] == 1
    # The film, its bytes on the way to the child, and what the child may take.
    assert function["MemorySize"] * 1024**2 > 3 * LARGEST_MB * 1024**2 + 2 * MEMORY_BYTES
    for name in ("RenditionsQueue", "RenditionsDeadLetterQueue"):
        assert properties(name)["KmsMasterKeyId"] == {"GetAtt": "Key.Arn"}


def test_the_compiled_libraries_load_in_every_python_that_may_be_chosen() -> None:
    makefile = (ROOT / "functions" / "render" / "Makefile").read_text()
    newest = max(int(minor) for minor in re.findall(r"manylinux_2_(\d+)_", makefile))
    for runtime in TEMPLATE.parameters["PythonRuntime"]["AllowedValues"]:
        # AWS runs 3.8 to 3.11 on Amazon Linux 2, and later ones on Amazon Linux 2023.
        glibc = 26 if int(runtime.removeprefix("python3.")) < 12 else 34
        assert newest <= glibc, f"{runtime} has glibc 2.{glibc}, the wheels need 2.{newest}"


_WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
# "At minimum", says DynamoDB's page on encryption at rest, but for the grants of the table's maker.
_OF_A_WRITER = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}
_OF_A_WRITER |= {"kms:ReEncryptFrom", "kms:ReEncryptTo"}


def _actions(template: Template, name: str) -> set[str]:
    """Return the actions that a role or a policy allows, whatever the resource."""
    own = template.properties(name)
    documents = [each["PolicyDocument"] for each in own.get("Policies", [])]
    documents += [own["PolicyDocument"]] if "PolicyDocument" in own else []
    found: set[str] = set()
    for statement in (each for document in documents for each in document["Statement"]):
        action = statement["Action"]
        found |= {action} if isinstance(action, str) else set(action)
    for attached in own.get("ManagedPolicyArns", []):
        found |= _actions(template, attached["Ref"])
    return found


@pytest.mark.parametrize("path", ["template.yaml", "functions/worklist/template.yaml"])
def test_every_writer_of_a_table_has_the_key_permissions_that_dynamodb_requires(path: str) -> None:
    template = read(path)
    names = [*template.of_type("AWS::IAM::Role"), *template.of_type("AWS::IAM::ManagedPolicy")]
    writers = [name for name in names if _actions(template, name) & _WRITES]
    assert {"OperatorPolicy"} < set(writers)
    for name in writers:
        assert _actions(template, name) >= _OF_A_WRITER, name


def test_log_permissions_do_not_match_stacks_with_longer_names() -> None:
    """cxr-alert-* would include the resources of a stack cxr-alert-test as well."""
    statements = properties("Key")["KeyPolicy"]["Statement"]
    (logs,) = [s for s in statements if s["Sid"] == "LogsAreEncrypted"]
    named = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    groups = {each["Sub"].partition(":log-group:")[2] for each in named}
    worklist = read("functions/worklist/template.yaml")
    made = {properties("Log")["LogGroupName"]["Sub"]} | {
        worklist.properties(name)["LogGroupName"]["Sub"].replace("Application", "AWS::StackName")
        for name in worklist.of_type("AWS::Logs::LogGroup")
    }
    assert groups == made


def test_lambdas_loop_detection_does_not_stop_films_between_two_functions() -> None:
    """Lambda stops messages after about 16 passes through the same functions, unless allowed."""
    for one, other in (("Classify", "Renditions"), ("Render", "Uploads")):
        (policy,) = properties(f"{one}Role")["Policies"]
        sends = [s["Resource"] for s in policy["PolicyDocument"]["Statement"] if "sqs" in str(s)]
        assert [{"GetAtt": f"{other}{kind}Queue.Arn"} for kind in ("", "Backfill")] in sends
        assert properties(f"{one}Function")["RecursiveLoop"] == "Allow"


def test_the_renditions_bucket_is_private_encrypted_and_emptied() -> None:
    bucket = properties("RenditionsBucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    key = rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert key == {"GetAtt": "Key.Arn"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    expiries = [each.get("ExpirationInDays") for each in bucket["LifecycleConfiguration"]["Rules"]]
    assert 30 in expiries


def test_people_get_digests_never_the_alerts_themselves_and_at_most_two_messages_a_second() -> None:
    assert RESOURCES["NotificationSubscription"]["Condition"] == "HasNotificationEmail"
    mail = properties("NotificationSubscription")
    assert mail["TopicArn"] == {"Ref": "NotificationsTopic"}
    assert "FilterPolicy" not in mail
    queue = properties("PeopleSubscription")
    assert queue["Protocol"] == "sqs"
    wanted = {"finding": ["PNEUMONIA", "REJECTED"], "backfill": [{"exists": False}]}
    assert queue["FilterPolicy"] == wanted
    source = properties("NotifyFunction")["Events"]["Alerts"]["Properties"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert TEMPLATE.parameters["DigestSeconds"]["MinValue"] == 1


def test_films_of_today_never_wait_behind_a_backfill() -> None:
    """Each upload goes to one of two queues, and the second one gets two films at a time."""
    patterns = [
        properties(rule)["EventPattern"]["detail"]["object"]["key"]
        for rule in ("UploadsRule", "BackfillRule")
    ]
    prefix = {"prefix": BACKFILL_PREFIX}
    assert patterns == [[{"anything-but": prefix}], [prefix]]
    for function, queue in (("Classify", "Uploads"), ("Render", "Renditions")):
        source = properties(f"{function}Function")["Events"]["Backfill"]["Properties"]
        assert source["Queue"] == {"GetAtt": f"{queue}BackfillQueue.Arn"}
        assert source["BatchSize"] == 1
        assert source["ScalingConfig"] == {"MaximumConcurrency": 2}
        timeout = properties(f"{function}Function")["Timeout"]
        assert properties(f"{queue}BackfillQueue")["VisibilityTimeout"] >= 6 * timeout
        kept = properties(f"{queue}DeadLetterQueue")["MessageRetentionPeriod"]
        assert properties(f"{queue}BackfillQueue")["MessageRetentionPeriod"] < kept


def test_a_sender_of_new_films_cannot_upload_them_as_a_backfill() -> None:
    """Nobody is notified of an old film."""
    statements = properties("UploaderPolicy")["PolicyDocument"]["Statement"]
    (denied,) = [each for each in statements if each["Effect"] == "Deny"]
    assert denied["Action"] == "s3:PutObject"
    assert denied["Resource"] == {"Sub": "${UploadsBucket.Arn}/" + f"{BACKFILL_PREFIX}*"}


def test_every_queue_has_a_policy_of_its_own() -> None:
    policies = [properties(name)["Queues"] for name in of_type("AWS::SQS::QueuePolicy")]
    assert sorted(queue["Ref"] for (queue,) in policies) == sorted(of_type("AWS::SQS::Queue"))


def test_lost_uploads_are_searched_for_as_long_as_records_are_kept() -> None:
    days = TEMPLATE.parameters["ReconcileDays"]["MaxValue"]
    assert days < min(keep for keep in RETENTION_DAYS if keep)


def test_data_outlives_the_stack_with_the_key_that_opens_it() -> None:
    for name in ("Key", "UploadsBucket", "ScreeningsTable"):
        assert RESOURCES[name]["DeletionPolicy"].startswith("Retain")
        assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("template", ["template.yaml", "functions/worklist/template.yaml"])
def test_the_docs_have_the_commands_for_each_protected_resource(template: str) -> None:
    """A first deployment that fails leaves it behind, and a second one has to wait for that."""
    commands = (ROOT / "docs" / "deploy.md").read_text()
    off = ("--no-deletion-protection-enabled", "--deletion-protection INACTIVE")
    lines = [line for line in commands.splitlines() if any(each in line for each in off)]
    for name, resource in read(template).resources.items():
        given = resource.get("Properties", {})
        if given.get("DeletionProtectionEnabled") or given.get("DeletionProtection"):
            assert any(name in line for line in lines), name


SERVICES = {"AWS::Serverless": "Lambda", "AWS::Events": "EventBridge", "AWS::Logs": "Logs"} | {
    "AWS::SSM": "Systems Manager",
    "AWS::ApiGatewayV2": "API Gateway",
}


@pytest.mark.parametrize("template", ["template.yaml", "functions/worklist/template.yaml"])
def test_the_page_for_hospitals_lists_every_service(template: str) -> None:
    page = (ROOT / "docs" / "hospital.md").read_text()
    (agreement,) = [line for line in page.splitlines() if line.startswith("| Agreement |")]
    for resource in read(template).resources.values():
        service = resource["Type"].rpartition("::")[0]
        assert SERVICES.get(service, service.removeprefix("AWS::")) in agreement


def test_the_dashboard_shows_every_alarm() -> None:
    dashboard = properties("Dashboard")["DashboardBody"]["Sub"]
    for name in of_type("AWS::CloudWatch::Alarm"):
        assert f"${{{name}.Arn}}" in dashboard


def test_the_dashboard_is_json() -> None:
    assert len(json.loads(properties("Dashboard")["DashboardBody"]["Sub"])["widgets"]) == 6


def test_neither_the_films_nor_the_records_are_deleted_by_mistake() -> None:
    assert properties("ScreeningsTable")["DeletionProtectionEnabled"] is True
    keep = TEMPLATE.parameters["RecordRetentionDays"]
    assert keep["Default"] == 0
    days = properties("UploadsDeadLetterQueue")["MessageRetentionPeriod"] / 86400
    assert all(choice > days for choice in keep["AllowedValues"] if choice)
    rules = properties("UploadsBucket")["LifecycleConfiguration"]["Rules"]
    (films,) = [rule["If"][1] for rule in rules if "If" in rule]
    assert films["ExpirationInDays"] == {"Ref": "FilmRetentionDays"}
    assert [rule["If"][0] for rule in rules if "If" in rule] == ["FilmsExpire"]
    # An expired film is only hidden; a day later it is gone, and so is the marker that hid it.
    hidden = {"NoncurrentDays": {"If": ["FilmsExpire", 1, {"Ref": "ReplacedFilmRetentionDays"}]}}
    plain = [rule for rule in rules if "If" not in rule]
    assert hidden in [rule.get("NoncurrentVersionExpiration") for rule in plain]
    assert True in [rule.get("ExpiredObjectDeleteMarker") for rule in plain]
