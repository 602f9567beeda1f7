"""The readers of the worklist."""

import secrets
from collections.abc import Sequence
from typing import Any

import boto3

from cxr_alert.operate.application import Application
from screening.errors import Mistake

GROUPS = ("readers", "administrators")
_RANDOM_BYTES = 12


def add(
    application: Application, name: str, groups: Sequence[str], email: str | None = None
) -> str | None:
    """Let somebody log in, with a first password that they have to change.

    Cognito mails it to `email`; without one it is returned.
    """
    pool = application.outputs["ReaderPoolId"]
    client: Any = boto3.client("cognito-idp")
    password = None if email else new_password()
    options: dict[str, Any] = (
        {
            "UserAttributes": [{"Name": "email", "Value": email}],
            "DesiredDeliveryMediums": ["EMAIL"],
        }
        if email
        else {"MessageAction": "SUPPRESS", "TemporaryPassword": password}
    )
    try:
        client.admin_create_user(UserPoolId=pool, Username=name, **options)
    except client.exceptions.UsernameExistsException:
        raise Mistake(f"There is a reader {name} already.") from None
    except client.exceptions.InvalidParameterException as error:
        raise Mistake(f"{name} can't be a reader's name: {error}") from None
    for group in groups:
        client.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
    return password


def new_password() -> str:
    """Return a password with the capital and small letters and digits that the pool asks for."""
    return f"Aa1{secrets.token_urlsafe(_RANDOM_BYTES)}"
