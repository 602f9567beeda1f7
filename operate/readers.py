"""Who may log in to the worklist."""

from collections.abc import Sequence
from typing import Any

import boto3

from cxr_alert.errors import Mistake
from operate.application import Application

GROUPS = ("readers", "administrators")


def add(
    application: Application,
    name: str,
    groups: Sequence[str],
    email: str | None = None,
    password: str | None = None,
) -> None:
    """Let somebody log in. Cognito mails them a first password, unless one is given here."""
    pool = application.outputs["ReaderPoolId"]
    client: Any = boto3.client("cognito-idp")
    attributes = [{"Name": "email", "Value": email}] if email else []
    options = {"DesiredDeliveryMediums": ["EMAIL"]} if email else {"MessageAction": "SUPPRESS"}
    try:
        client.admin_create_user(
            UserPoolId=pool, Username=name, UserAttributes=attributes, **options
        )
    except client.exceptions.UsernameExistsException:
        raise Mistake(f"There is a reader {name} already.") from None
    if password:
        client.admin_set_user_password(
            UserPoolId=pool, Username=name, Password=password, Permanent=True
        )
    for group in groups:
        client.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
