"""docs/hospital.md names every service of AWS that stores or transmits health data."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.templates import ROOT, read

# By the name of the service in types of resources, or before the colon of an action.
SERVICES = {
    "ApiGatewayV2": "API Gateway",
    "CloudFormation": "CloudFormation",
    "CloudTrail": "CloudTrail",
    "CloudWatch": "CloudWatch",
    "Cognito": "Cognito",
    "DynamoDB": "DynamoDB",
    "Events": "EventBridge",
    "IAM": "IAM",
    "KMS": "KMS",
    "Lambda": "Lambda",
    "Logs": "Logs",
    "S3": "S3",
    "SNS": "SNS",
    "SQS": "SQS",
    "SSM": "Systems Manager",
    "SageMaker": "SageMaker",
    "Scheduler": "EventBridge",
    "Serverless": "Lambda",
    "cloudformation": "CloudFormation",
    "cloudwatch": "CloudWatch",
    "cognito-idp": "Cognito",
    "dynamodb": "DynamoDB",
    "ecr": "ECR",
    "events": "EventBridge",
    "kms": "KMS",
    "lambda": "Lambda",
    "logs": "Logs",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "sns": "SNS",
    "sqs": "SQS",
    "ssm": "Systems Manager",
    "sts": "IAM",
    "xray": "X-Ray",
}
# They scale and count, and see no film, record or reader.
WITHOUT_DATA = {"ApplicationAutoScaling"}
TEMPLATES = [
    "template.yaml",
    "serving/endpoint.yaml",
    *(str(each.relative_to(ROOT)) for each in (ROOT / "functions").glob("*/template.yaml")),
]


def services(template: str) -> set[str]:
    """Return the services in a template's resources and in the actions of its policies."""
    found = read(template)
    named = {resource["Type"].split("::")[1] for resource in found.resources.values()}
    return {*named, *_of_actions(found.resources)} - WITHOUT_DATA


def _of_actions(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _of_actions(each)
    elif isinstance(node, dict):
        asked = node.get("Action", []) if "Effect" in node else []
        for action in [asked] if isinstance(asked, str) else asked:
            yield action.partition(":")[0]
        yield from _of_actions(list(node.values()))


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_service_of_the_templates_is_named(template: str) -> None:
    text = (ROOT / "docs" / "hospital.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| Agreement |")]
    unnamed = {each for each in services(template) if SERVICES[each] not in row}
    assert unnamed == set()


def test_the_templates_are_read() -> None:
    found = set().union(*map(services, TEMPLATES))
    assert {"ApiGatewayV2", "Cognito", "SSM", "xray", "DynamoDB"} <= found
