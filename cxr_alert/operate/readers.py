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
    """Add a reader with a first password, which has to be changed.

    Cognito mails it to `email`; without an address it is returned.
    """
    pool = application.outputs["ReaderPoolId"]
    client = _cognito()
    password = None if email else new_password()
    options: dict[str, Any] = (
        _by_mail(email) if email else {"MessageAction": "SUPPRESS", "TemporaryPassword": password}
    )
    try:
        client.admin_create_user(UserPoolId=pool, Username=name, **options)
    except client.exceptions.UsernameExistsException:
        raise Mistake(
            f"There is a reader {name} already; for a new first password, add --again."
        ) from None
    except client.exceptions.InvalidParameterException as error:
        raise Mistake(f"{name} can't be a reader's name: {error}") from None
    for group in groups:
        client.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
    return password


def invite_again(application: Application, name: str, email: str | None = None) -> str | None:
    """Give a reader a new first password, if the invitation was lost or has expired after 7 days.

    Cognito mails it to `email`; without an address it is returned.
    """
    pool = application.outputs["ReaderPoolId"]
    client = _cognito()
    password = None if email else new_password()
    try:
        if email:
            options = _by_mail(email)
            client.admin_create_user(
                UserPoolId=pool, Username=name, MessageAction="RESEND", **options
            )
        else:
            client.admin_set_user_password(
                UserPoolId=pool, Username=name, Password=password, Permanent=False
            )
    except client.exceptions.UserNotFoundException:
        raise Mistake(f"There is no reader {name}; leave --again out to add one.") from None
    except client.exceptions.UnsupportedUserStateException:
        raise Mistake(
            f"{name} has logged in before; the login page resets a forgotten password."
        ) from None
    return password


def lock_out(application: Application, name: str) -> None:
    """Remove a reader's login; their reviews stay."""
    pool = application.outputs["ReaderPoolId"]
    client = _cognito()
    try:
        # First, since a token of a deleted user can't be revoked.
        client.admin_user_global_sign_out(UserPoolId=pool, Username=name)
        client.admin_delete_user(UserPoolId=pool, Username=name)
    except client.exceptions.UserNotFoundException:
        raise Mistake(f"There is no reader {name}.") from None


def _by_mail(email: str) -> dict[str, Any]:
    """Return Cognito's options for mailing a password; only a verified address can reset one."""
    return {
        "UserAttributes": [
            {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"},
        ],
        "DesiredDeliveryMediums": ["EMAIL"],
    }


def _cognito() -> Any:  # noqa: ANN401
    client: Any = boto3.client
    return client("cognito-idp")


def new_password() -> str:
    """Return a password with upper-case and lower-case letters and digits, as the pool requires."""
    return f"Aa1{secrets.token_urlsafe(_RANDOM_BYTES)}"
