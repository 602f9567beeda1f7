"""The policies for operators and for erasure allow what the commands request, and no more."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from tests.unit.policies import ACCOUNT, STACK, actions, allowed, arn
from tests.unit.templates import ROOT, Template, read

APPLICATION = read("template.yaml")
WORKLIST = read("functions/worklist/template.yaml")
# By its name, a stack is checked as stack/NAME/*, and not by its own ARN, which ends with its ID.
_STACKS = f"arn:aws:cloudformation:{ACCOUNT}:stack/{STACK}"
_ENDPOINT = f"arn:aws:sagemaker:{ACCOUNT}:endpoint/cxr-alert"
_ENDPOINT_LOG = f"arn:aws:logs:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/cxr-alert:*"


def _of(template: Template, names: str, suffix: str = "") -> list[str]:
    return [f"{arn(template, name)}{suffix}" for name in names.split()]


_QUEUES = " ".join(APPLICATION.of_type("AWS::SQS::Queue"))
_FUNCTIONS = " ".join(APPLICATION.of_type("AWS::Serverless::Function"))

# What commands and runbook ask for, by the form of the name that AWS checks.
NEEDED: dict[str, list[str]] = {
    # `redrive` looks whether there is a results' stack.
    "cloudformation:DescribeStacks": [f"{_STACKS}/*", f"{_STACKS}-results/*"],
    "cloudformation:DescribeStackResource": [f"{_STACKS}/*"],
    "cloudformation:ListStackResources": [f"{_STACKS}/*"],
    "cloudwatch:DescribeAlarms": ["*"],
    "cloudwatch:GetMetricStatistics": ["*"],
    "dynamodb:BatchGetItem": _of(APPLICATION, "ScreeningsTable"),
    "dynamodb:GetItem": _of(APPLICATION, "ScreeningsTable"),
    "dynamodb:Query": [
        *_of(APPLICATION, "ScreeningsTable"),
        *_of(APPLICATION, "ScreeningsTable", "/index/latest-findings"),
    ],
    "dynamodb:Scan": _of(APPLICATION, "ScreeningsTable"),
    "dynamodb:UpdateItem": _of(APPLICATION, "ScreeningsTable"),
    "events:DescribeRule": _of(APPLICATION, "UploadsRule BackfillRule"),
    "events:ListRules": ["*"],
    "kms:Decrypt": _of(APPLICATION, "Key"),
    "kms:GenerateDataKey": _of(APPLICATION, "Key"),
    "lambda:GetFunctionConfiguration": _of(APPLICATION, _FUNCTIONS),
    "lambda:ListEventSourceMappings": ["*"],
    "logs:FilterLogEvents": [*_of(APPLICATION, "Log"), _ENDPOINT_LOG],
    "s3:DeleteObject": _of(APPLICATION, "UploadsBucket", "/cxr-alert-check/0123"),
    "s3:DeleteObjectVersion": _of(APPLICATION, "UploadsBucket", "/cxr-alert-check/0123"),
    "s3:GetObject": [
        *_of(APPLICATION, "UploadsBucket", "/film.dcm"),
        *_of(APPLICATION, "RenditionsBucket", "/film.png"),
    ],
    "s3:GetObjectVersion": _of(APPLICATION, "UploadsBucket", "/film.dcm"),
    "s3:ListBucket": _of(APPLICATION, "RenditionsBucket"),  # or what is gone looks forbidden
    "s3:ListBucketVersions": _of(APPLICATION, "UploadsBucket"),
    "s3:PutObject": _of(APPLICATION, "UploadsBucket", "/cxr-alert-check/0123"),
    "sagemaker:DescribeEndpoint": [_ENDPOINT],
    "sagemaker:InvokeEndpoint": [_ENDPOINT],
    "sns:ListSubscriptionsByTopic": _of(APPLICATION, "NotificationsTopic OperationsTopic"),
    "sqs:DeleteMessage": _of(APPLICATION, _QUEUES),
    "sqs:GetQueueAttributes": _of(APPLICATION, _QUEUES),
    "sqs:ReceiveMessage": _of(APPLICATION, _QUEUES),
    "sqs:SendMessage": _of(
        APPLICATION,
        "UploadsQueue UploadsBackfillQueue RenditionsQueue RenditionsBackfillQueue PeopleQueue",
    ),
}
NEEDED_BY_WORKLIST: dict[str, list[str]] = {
    "cloudformation:DescribeStacks": [f"{_STACKS}-worklist/*"],
    "cloudformation:ListStackResources": [f"{_STACKS}-worklist/*"],
    "cognito-idp:AdminAddUserToGroup": _of(WORKLIST, "ReaderPool"),
    "cognito-idp:AdminCreateUser": _of(WORKLIST, "ReaderPool"),
    "cognito-idp:AdminDeleteUser": _of(WORKLIST, "ReaderPool"),
    "cognito-idp:AdminSetUserPassword": _of(WORKLIST, "ReaderPool"),
    "cognito-idp:AdminUserGlobalSignOut": _of(WORKLIST, "ReaderPool"),
    "dynamodb:GetItem": _of(WORKLIST, "EntriesTable"),
    "dynamodb:PutItem": _of(WORKLIST, "EntriesTable"),
    "dynamodb:Query": [
        *_of(WORKLIST, "EntriesTable ReviewsTable"),
        *_of(WORKLIST, "EntriesTable", "/index/in-order"),
        *_of(WORKLIST, "ReviewsTable", "/index/by-time"),
    ],
    "dynamodb:Scan": _of(WORKLIST, "EntriesTable"),
    "kms:Decrypt": ["imported KeyArn"],
    "lambda:GetFunctionConfiguration": _of(
        WORKLIST, "WorklistFunction EnlistFunction RemindFunction"
    ),
    "logs:FilterLogEvents": _of(WORKLIST, "Log AccessLog"),
    "sqs:PurgeQueue": _of(WORKLIST, "NotEnlistedQueue"),
}
# What `erase` asks for.
NEEDED_TO_ERASE: dict[str, list[str]] = {
    "cloudformation:DescribeStacks": [f"{_STACKS}/*", f"{_STACKS}-worklist/*"],
    "dynamodb:DeleteItem": _of(APPLICATION, "ScreeningsTable"),
    "dynamodb:Query": _of(APPLICATION, "ScreeningsTable"),
    "dynamodb:Scan": _of(APPLICATION, "ScreeningsTable"),
    "kms:Decrypt": _of(APPLICATION, "Key"),
    "logs:CreateLogStream": _of(APPLICATION, "Log"),
    "logs:PutLogEvents": _of(APPLICATION, "Log"),
    "s3:DeleteObject": [
        *_of(APPLICATION, "UploadsBucket", "/film.dcm"),  # DeleteObjects asks for it always
        *_of(APPLICATION, "RenditionsBucket", "/film.png"),
    ],
    "s3:DeleteObjectVersion": _of(APPLICATION, "UploadsBucket", "/film.dcm"),
    "s3:ListBucket": _of(APPLICATION, "RenditionsBucket"),
    "s3:ListBucketVersions": _of(APPLICATION, "UploadsBucket"),
}
NEEDED_TO_ERASE_IN_WORKLIST: dict[str, list[str]] = {
    "dynamodb:DeleteItem": _of(WORKLIST, "EntriesTable ReviewsTable"),
    "dynamodb:GetItem": _of(WORKLIST, "EntriesTable"),
    "dynamodb:Query": _of(WORKLIST, "ReviewsTable"),
    "kms:Decrypt": ["imported KeyArn"],
}
# Beyond what anybody asks for: films, reviews and other stacks are not the operators' to change.
BEYOND = {
    "s3:PutObject": f"{arn(APPLICATION, 'UploadsBucket')}/film.dcm",
    "s3:DeleteObject": f"{arn(APPLICATION, 'UploadsBucket')}/film.dcm",
    "s3:DeleteObjectVersion": f"{arn(APPLICATION, 'UploadsBucket')}/film.dcm",
    "dynamodb:DeleteItem": arn(APPLICATION, "ScreeningsTable"),
    "dynamodb:PutItem": arn(WORKLIST, "ReviewsTable"),
    "cloudformation:DescribeStacks": f"{_STACKS}-test/*",
    "logs:FilterLogEvents": f"arn:aws:logs:{ACCOUNT}:log-group:/aws/lambda/cxr-alert-test:*",
    "sagemaker:InvokeEndpoint": f"{_ENDPOINT}-other",
}
# Whoever erases films sees none, and writes nothing but that it was done.
BEYOND_ERASING = {
    "s3:GetObject": f"{arn(APPLICATION, 'UploadsBucket')}/film.dcm",
    "s3:GetObjectVersion": f"{arn(APPLICATION, 'UploadsBucket')}/film.dcm",
    "s3:PutObject": f"{arn(APPLICATION, 'UploadsBucket')}/film.dcm",
    "dynamodb:PutItem": arn(WORKLIST, "ReviewsTable"),
    "dynamodb:UpdateItem": arn(APPLICATION, "ScreeningsTable"),
    "logs:FilterLogEvents": arn(APPLICATION, "Log"),
    "cloudformation:DescribeStacks": f"{_STACKS}-test/*",
    "sqs:ReceiveMessage": arn(APPLICATION, "UploadsQueue"),
}
# Operations that AWS checks by actions of other names.
_ACTIONS = {
    "DeleteMessageBatch": ("sqs:DeleteMessage",),
    "DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "GetObject": ("s3:GetObject", "s3:GetObjectVersion"),
    "HeadObject": ("s3:GetObject", "s3:GetObjectVersion"),
    "DeleteObject": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "ListObjectsV2": ("s3:ListBucket",),
    "ListObjectVersions": ("s3:ListBucketVersions",),
    "SendMessageBatch": ("sqs:SendMessage",),
}
_SERVICES = (
    "cloudformation", "cloudwatch", "cognito-idp", "dynamodb", "events", "lambda", "logs", "s3",
    "sagemaker", "sagemaker-runtime", "sns", "sqs",
)  # fmt: skip
# Names of our own that are those of operations, too; and what only functions call.
_NOT_OPERATIONS = {"invoke", "search", "transact_write_items"}


_ERASE = ROOT / "cxr_alert" / "operate" / "erase.py"  # has policies of its own
# An administrator's work, done once, with rights on all of CloudFormation.
_ADOPT = ROOT / "cxr_alert" / "operate" / "adopt_worklist.py"
_OPERATE = [each for each in _ERASE.parent.glob("*.py") if each not in (_ERASE, _ADOPT)]
_CALLED = [
    _ERASE.parent / "application.py",
    *(ROOT / "functions" / "aws").glob("*.py"),
    *(ROOT / "functions" / "worklist" / "tables").glob("*.py"),
    ROOT / "functions" / "reconcile" / "compare.py",
    ROOT / "functions" / "classify" / "examine.py",
]
_CALLED_TO_ERASE = [
    ROOT / "functions" / "aws" / "screenings_table.py",
    *(ROOT / "functions" / "worklist" / "tables").glob("*.py"),
]


@pytest.mark.parametrize(
    ("template", "policy", "needed"),
    [
        (APPLICATION, "OperatorPolicy", NEEDED),
        (WORKLIST, "OperatorPolicy", NEEDED_BY_WORKLIST),
        (APPLICATION, "ErasurePolicy", NEEDED_TO_ERASE),
        (WORKLIST, "ErasurePolicy", NEEDED_TO_ERASE_IN_WORKLIST),
    ],
)
def test_the_operators_policy_allows_every_needed_action(
    template: Template, policy: str, needed: dict[str, list[str]]
) -> None:
    stack = STACK if template is APPLICATION else f"{STACK}-worklist"
    asked = [(action, each) for action, resources in needed.items() for each in resources]
    refused = [ask for ask in asked if not allowed(template, policy, stack, *ask)]
    assert refused == []


@pytest.mark.parametrize("template", [APPLICATION, WORKLIST])
def test_the_operators_policy_allows_no_change_of_films_or_reviews_and_nothing_in_other_stacks(
    template: Template,
) -> None:
    granted = [ask for ask in BEYOND.items() if allowed(template, "OperatorPolicy", STACK, *ask)]
    assert granted == []


@pytest.mark.parametrize("template", [APPLICATION, WORKLIST])
def test_the_erasure_policy_does_not_allow_reading_films(template: Template) -> None:
    asked = BEYOND_ERASING.items()
    assert [ask for ask in asked if allowed(template, "ErasurePolicy", STACK, *ask)] == []
    needed = NEEDED_TO_ERASE if template is APPLICATION else NEEDED_TO_ERASE_IN_WORKLIST
    assert actions(template, "ErasurePolicy") == needed.keys()


def test_every_call_of_the_commands_is_a_needed_action() -> None:
    assert _actions_of(_OPERATE, _CALLED) - NEEDED.keys() - NEEDED_BY_WORKLIST.keys() == set()


def test_every_call_of_erase_is_a_needed_action() -> None:
    needed = NEEDED_TO_ERASE.keys() | NEEDED_TO_ERASE_IN_WORKLIST.keys()
    assert _actions_of([_ERASE], _CALLED_TO_ERASE) - needed == set()


def test_the_runbook_asks_for_nothing_that_the_policies_lack() -> None:
    """Its table abbreviates: `sqs:GetQueueAttributes`, `ReceiveMessage`."""
    text = (ROOT / "docs" / "runbook.md").read_text()
    table = text.partition("| command | needs |")[2].partition("\n\n")[0]
    policies = ("OperatorPolicy", "ErasurePolicy")
    granted = {
        action
        for template in (APPLICATION, WORKLIST)
        for policy in policies
        for action in actions(template, policy)
    }
    names = {action.partition(":")[2] for action in granted}
    asked = set(re.findall(r"`(?:[\w-]+:)?([A-Z][A-Za-z]+)`", table.replace("LogGroupName", "")))
    assert asked - names == set()
    assert {f"{each}" for each in re.findall(r"`([a-z-\d]+:[A-Z]\w+)`", table)} <= granted


def _actions_of(begin: list[Path], called_by_them: list[Path]) -> set[str]:
    """Return the actions of all AWS operations in code that is reachable from these files.

    Calls are followed by function name only, so it finds too much rather than too little.
    """
    operations = _operations()
    defined: dict[str, set[str]] = defaultdict(set)
    named: set[str] = set()
    for path in {*begin, *called_by_them}:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                defined[node.name] |= _names(node)
                named |= {node.name} if path in begin else set()
    todo, seen = list(named), set()
    called: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        called |= defined[name] & operations.keys() - _NOT_OPERATIONS
        todo += defined[name] & defined.keys()
    return {action for name in called for action in operations[name]}


def _names(function: ast.FunctionDef) -> set[str]:
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            found.add(str(node.args[0].value))  # of a paginator
    return found


def _operations() -> dict[str, tuple[str, ...]]:
    session = botocore.session.get_session()
    found = {}
    for service in _SERVICES:
        for name in session.get_service_model(service).operation_names:
            prefix = service.removesuffix("-runtime")
            found[xform_name(name)] = _ACTIONS.get(name, (f"{prefix}:{name}",))
    return found
