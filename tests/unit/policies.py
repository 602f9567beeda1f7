"""The requests that a template's policy allows, with the ARNs that AWS checks."""

import re
from fnmatch import fnmatchcase
from typing import Any

from tests.unit.templates import Template

ACCOUNT = "us-east-1:111122223333"
STACK = "cxr-alert"
_ARNS = {
    "AWS::CloudFormation::Stack": f"arn:aws:cloudformation:{ACCOUNT}:stack/{{}}",
    "AWS::Cognito::UserPool": f"arn:aws:cognito-idp:{ACCOUNT}:userpool/{{}}",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{ACCOUNT}:table/{{}}",
    "AWS::Events::Rule": f"arn:aws:events:{ACCOUNT}:rule/{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{ACCOUNT}:key/{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{ACCOUNT}:log-group:{{}}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::Serverless::Function": f"arn:aws:lambda:{ACCOUNT}:function:{{}}",
    "AWS::SNS::Topic": f"arn:aws:sns:{ACCOUNT}:{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{ACCOUNT}:{{}}",
}
_VALUES = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "111122223333",
    "EndpointName": "cxr-alert",
    "Application": STACK,
}


def arn(template: Template, name: str) -> str:
    """Return the ARN of a resource; its name in the template stands for its name in AWS."""
    return _ARNS[template.resources[name]["Type"]].format(name)


def allowed(template: Template, policy: str, stack: str, action: str, resource: str) -> bool:
    """Return whether a managed policy of a template, deployed as `stack`, allows a request.

    It reads Allow statements without conditions, since our managed policies have no others.
    """
    for statement in template.properties(policy)["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        assert "Condition" not in statement
        patterns = [_text(template, stack, each) for each in _listed(statement["Resource"])]
        if action in _listed(statement["Action"]) and any(
            fnmatchcase(resource, pattern) for pattern in patterns
        ):
            return True
    return False


def actions(template: Template, policy: str) -> set[str]:
    statements = template.properties(policy)["PolicyDocument"]["Statement"]
    return {action for each in statements for action in _listed(each["Action"])}


def _listed(node: Any) -> list[Any]:
    return node if isinstance(node, list) else [node]


def _text(template: Template, stack: str, node: Any) -> str:
    match node:
        case str():
            return node
        case {"GetAtt": str(path)}:
            return arn(template, path.partition(".")[0])
        case {"Ref": str(name)}:
            return arn(template, name)
        case {"Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda m: _name(template, stack, m[1]), text)
        case {"Fn::ImportValue": {"Sub": str(text)}}:
            return f"imported {text.removeprefix('${Application}-')}"
    raise AssertionError(node)


def _name(template: Template, stack: str, name: str) -> str:
    if name == "AWS::StackName":
        return stack
    return _VALUES[name] if name in _VALUES else arn(template, name.removesuffix(".Arn"))
