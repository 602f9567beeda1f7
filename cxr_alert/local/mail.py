"""The alert e-mails: what the emulated topic mailed, as files."""

import email
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

# An address in a reserved domain: nobody can own it.
ADDRESS = "radiology@example.org"


def directory(state: Path) -> Path:
    """Where a stack's mails go, as a Maildir."""
    return state / "mail"


def received(state: Path) -> list[EmailMessage]:
    """The mails so far, in the order they came."""
    files = sorted((directory(state) / "new").glob("*"), key=lambda file: file.stat().st_mtime_ns)
    return [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]


def about(state: Path, key: str) -> EmailMessage | None:
    """The first mail that names a film, if there is one."""
    mails = received(state)
    return next((each for each in mails if key in each.get_content()), None)


def as_text(mail: EmailMessage) -> str:
    """A mail as its reader sees it."""
    headers = "\n".join(f"{name}: {mail[name]}" for name in ("From", "To", "Subject"))
    return f"{headers}\n\n{mail.get_content().rstrip()}"
