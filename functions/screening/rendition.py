"""What `render` says of an upload that the endpoint can't be sent as it is. Pure.

A film in DICOM, or larger than an endpoint takes, goes to the renditions queue. The same upload
then comes back on the uploads queue with what became of it: its rendition, or why there is none.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from screening.facts import Facts, facts_from, plain

_LONGEST_REASON = 300


@dataclass(frozen=True)
class Rendered:
    """The rendition is in the renditions bucket; `facts` are those of a DICOM file."""

    facts: Facts | None = None


@dataclass(frozen=True)
class NotRendered:
    """The film itself is at fault: final."""

    code: str
    reason: str


def rendition_key(key: str, version: str) -> str:
    """Name an upload's rendition, by a hash: keys may carry a patient's name."""
    return hashlib.sha256(f"{key}\n{version}".encode()).hexdigest() + ".png"


def told(rendered: Rendered | NotRendered) -> dict[str, Any]:
    """Return it as the message tells it."""
    if isinstance(rendered, NotRendered):
        return {"refused": {"code": rendered.code, "reason": rendered.reason}}
    return {"facts": plain(rendered.facts) if rendered.facts else None}


def rendered_from(message: Any) -> Rendered | NotRendered:  # noqa: ANN401
    """Return what `told` told; raise TypeError, KeyError or AttributeError for anything else."""
    if "refused" in message:
        code, reason = message["refused"]["code"], message["refused"]["reason"]
        if not isinstance(code, str) or not isinstance(reason, str):
            raise TypeError
        return NotRendered(code, reason[:_LONGEST_REASON])
    facts = message["facts"]
    return Rendered(facts_from(facts) if facts is not None else None)
