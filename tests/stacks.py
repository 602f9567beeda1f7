"""Stacks in moto with only outputs and parameters, for commands that read them."""

import json
from collections.abc import Mapping
from typing import Any


def deploy(client: Any, name: str, outputs: Mapping[str, str], **parameters: str) -> None:
    """Make a stack with these outputs; `client` is CloudFormation's."""
    template = {
        "Parameters": {each: {"Type": "String"} for each in parameters},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {each: {"Value": value} for each, value in outputs.items()},
    }
    given = [{"ParameterKey": each, "ParameterValue": value} for each, value in parameters.items()]
    client.create_stack(StackName=name, TemplateBody=json.dumps(template), Parameters=given)
