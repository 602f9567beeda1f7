"""`python -m cxr_alert.operate.adopt_worklist`: let a new stack adopt an existing worklist.

The worklist's tables and logins outlive their stack, which is the worklist's or, before the
worklist had a stack of its own, the application's. A new stack would create empty ones, and the
readers' reviews would be out of sight. CloudFormation imports the existing ones instead: nothing is
copied. docs/deploy.md has the steps before and after.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from screening.errors import Failure, Mistake

TEMPLATE = Path(__file__).parents[2] / "functions" / "worklist" / "template.yaml"
# The name of each resource in the worklist's template, and the prefixes of the physical names that
# a former stack, the worklist's or the application's, has given it.
TABLES = {
    "EntriesTable": ("{}-worklist-EntriesTable-", "{}-WorklistTable-"),
    "ReviewsTable": ("{}-worklist-ReviewsTable-", "{}-ReviewsTable-"),
}
POOL = "ReaderPool"
_CHANGES = "adopt"
# Parts that an import must not contain: it changes nothing but the stack's list of resources.
_SECTIONS = r"^(Transform|Globals):.*\n(?: .*\n|\n)*"


@dataclass(frozen=True)
class Resource:
    name: str
    kind: str
    identifier: str  # the property with its physical name in AWS
    value: str

    @property
    def to_import(self) -> dict[str, Any]:
        return {
            "LogicalResourceId": self.name,
            "ResourceType": self.kind,
            "ResourceIdentifier": {self.identifier: self.value},
        }


def left_behind(stack: str) -> list[Resource]:
    """Return the tables and the user pool that the former stack has left."""
    names = [
        name
        for page in boto3.client("dynamodb").get_paginator("list_tables").paginate()
        for name in page["TableNames"]
    ]
    found = []
    for new, beginnings in TABLES.items():
        prefixes = tuple(each.format(stack) for each in beginnings)
        name = _only(" or ".join(prefixes), [each for each in names if each.startswith(prefixes)])
        found.append(Resource(new, "AWS::DynamoDB::Table", "TableName", name))
    pools = [
        pool
        for page in boto3.client("cognito-idp")
        .get_paginator("list_user_pools")
        .paginate(MaxResults=60)
        for pool in page["UserPools"]
    ]
    name = f"{stack}-readers"
    pool_id = _only(name, [pool["Id"] for pool in pools if pool["Name"] == name])
    return [*found, Resource(POOL, "AWS::Cognito::UserPool", "UserPoolId", pool_id)]


def _only(sought: str, found: list[str]) -> str:
    if len(found) == 1:
        return found[0]
    if not found:
        raise Mistake(f"No resource is called {sought}: the former stack has left no worklist.")
    raise Mistake(
        f"Several are called {sought}: {', '.join(found)}. Keep the one in use; delete or rename "
        "the others, which an earlier worklist left, once you know what is in them."
    )


def template(names: list[str]) -> str:
    """Return the worklist's template with only these resources, as an import requires."""
    text = TEMPLATE.read_text()
    head = re.sub(_SECTIONS, "", text.partition("\nResources:\n")[0] + "\n", flags=re.MULTILINE)
    blocks = []
    for name in names:
        block = re.search(rf"^  {name}:\n(?:    .*\n)+", text, re.M)
        if block is None:
            raise Failure(f"{TEMPLATE} has no resource {name}.")
        blocks.append(block[0])
    return f"{head}\nResources:\n" + "\n".join(blocks)


def adopt(stack: str, resources: list[Resource]) -> None:
    """Create the worklist's stack from the resources of the former one."""
    client = boto3.client("cloudformation")
    name = f"{stack}-worklist"
    client.create_change_set(
        StackName=name,
        ChangeSetName=_CHANGES,
        ChangeSetType="IMPORT",
        TemplateBody=template([each.name for each in resources]),
        Parameters=[{"ParameterKey": "Application", "ParameterValue": stack}],
        ResourcesToImport=[each.to_import for each in resources],
    )
    client.get_waiter("change_set_create_complete").wait(StackName=name, ChangeSetName=_CHANGES)
    client.execute_change_set(StackName=name, ChangeSetName=_CHANGES)
    client.get_waiter("stack_import_complete").wait(StackName=name)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m cxr_alert.operate.adopt_worklist", description=__doc__
    )
    parser.add_argument("--stack", default="cxr-alert", metavar="NAME", help="the application's")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="really do it; without it, the command only lists the steps",
    )
    options = parser.parse_args(arguments)
    try:
        resources = left_behind(options.stack)
        for each in resources:
            print(f"{each.name}: {each.value}")
        if options.yes:
            adopt(options.stack, resources)
            print(f"The stack {options.stack}-worklist has them. Deploy the rest into it now.")
    except (Mistake, Failure, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
