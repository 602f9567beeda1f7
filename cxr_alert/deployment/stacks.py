"""CloudFormation stacks: their state, parameters, resources and deletion."""

import time
from typing import Any

import boto3
from botocore.exceptions import ClientError

from screening.errors import Failure

_PATIENCE_SECONDS = 1200
_PAUSE_SECONDS = 2


def state(stack: str) -> str | None:
    """Return the state that CloudFormation names, None for a stack that is not there."""
    found = _describe(stack)
    return None if found is None else str(found["StackStatus"])


def parameters(stack: str) -> dict[str, str]:
    """Return the parameters that a stack was deployed with; none for one that is not there."""
    found = _describe(stack) or {}
    return {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}


def _describe(stack: str) -> dict[str, Any] | None:
    try:
        (found,) = _cloudformation().describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return None if found["StackStatus"] == "DELETE_COMPLETE" else dict(found)


def exists(stack: str) -> bool:
    return state(stack) is not None


def settled(stack: str) -> str | None:
    """Wait until CloudFormation does not work on a stack any more; return its state."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (status := state(stack)) is not None and status.endswith("_IN_PROGRESS"):
        if status == "REVIEW_IN_PROGRESS":  # a change set that nobody executed: there is no stack
            return None
        if time.monotonic() > deadline:
            raise Failure(f"Stack {stack} is {status} since {_PATIENCE_SECONDS // 60} minutes.")
        time.sleep(_PAUSE_SECONDS)
    return status


def delete(stack: str) -> None:
    """Delete a stack and wait until it is gone; its retained resources stay."""
    _cloudformation().delete_stack(StackName=stack)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (status := state(stack)) is not None:
        if status == "DELETE_FAILED" or time.monotonic() > deadline:
            raise Failure(
                f"Stack {stack} is {status}: see its events in the CloudFormation console."
            )
        time.sleep(_PAUSE_SECONDS)


def resources(stack: str) -> list[tuple[str, str, str]]:
    """Return the logical name, the type and the physical name of each resource of a stack."""
    if not exists(stack):
        return []
    pages = _cloudformation().get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        (each["LogicalResourceId"], each["ResourceType"], each["PhysicalResourceId"])
        for page in pages
        for each in page["StackResourceSummaries"]
        if each.get("PhysicalResourceId") and each["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def _cloudformation() -> Any:  # noqa: ANN401 - the checks have no types for it
    client: Any = boto3.client
    return client("cloudformation")
