"""Logins to the worklist of a stack on this machine."""

import json
from pathlib import Path
from typing import Any

from cxr_alert.local.stack import Stack
from cxr_alert.operate.readers import new_password


def password(stack: Stack, name: str, groups: tuple[str, ...]) -> str:
    """Return a reader's password; the reader is created if it does not exist."""
    file = _file(stack.settings.state)
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    pool = stack.outputs["ReaderPoolId"]
    label = f"{pool}/{name}"
    if label not in known:
        known[label] = new_password()
        _add(stack, pool, name, groups, known[label])
        file.write_text(json.dumps(known))
    return known[label]


def _add(stack: Stack, pool: str, name: str, groups: tuple[str, ...], password: str) -> None:
    cognito: Any = stack.client("cognito-idp")
    cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=name, Password=password, Permanent=True
    )
    for group in groups:
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)


def _file(state: Path) -> Path:
    return state / "readers.json"
