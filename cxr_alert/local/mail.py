"""The alert e-mails that the emulated topic sent, as files."""

import email
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

# An address in a reserved domain, which nobody can own.
ADDRESS = "radiology@example.org"


def directory(state: Path) -> Path:
    """Return the Maildir of a stack's mails."""
    return state / "mail"


def received(state: Path) -> list[EmailMessage]:
    """Return the mails so far, in order of arrival."""
    files = sorted((directory(state) / "new").glob("*"), key=lambda file: file.stat().st_mtime_ns)
    return [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]


def about(state: Path, key: str) -> EmailMessage | None:
    """Return the first mail that names a film, or None."""
    mails = received(state)
    return next((each for each in mails if key in each.get_content()), None)


def as_text(mail: EmailMessage) -> str:
    """Return a mail as its reader sees it."""
    headers = "\n".join(f"{name}: {mail[name]}" for name in ("From", "To", "Subject"))
    return f"{headers}\n\n{mail.get_content().rstrip()}"
