"""The result of `render` for an upload that can't be sent to the endpoint as it is. Pure.

A DICOM film, or a film larger than the endpoint takes, goes to the renditions queue. Afterwards the
same upload returns to the uploads queue with its rendition, or with the reason why there is none.
"""

import hashlib
import zlib
from dataclasses import dataclass, replace
from typing import Any

from screening.facts import Facts, facts_from, plain

_LONGEST_REASON = 300
_PNG = b"\x89PNG\r\n\x1a\n"
_LAST_CHUNK = b"IEND"

# The defined terms of View Position (0018,5101), DICOM PS3.3, and the terms of Body Part Examined
# (0018,0015), PS3.16 annex L, that a chest film may have. Machines and people write other texts
# there too, including names.
_VIEWS = frozenset({"AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO"})
_BODY_PARTS = frozenset(
    {
        *("CHEST", "THORAX", "LUNG", "RIB", "STERNUM", "CLAVICLE", "SCAPULA", "HEART", "BREAST"),
        *("MEDIASTINUM", "BRONCHUS", "TRACHEA", "DIAPHRAGM", "PLEURA", "ESOPHAGUS", "AORTA"),
        *("CHESTABDOMEN", "CHESTABDPELVIS", "NECKCHEST", "NECKCHESTABDOMEN", "NECKCHESTABDPELV"),
        *("TSPINE", "TLSPINE", "CTSPINE", "SPINE", "WHOLEBODY", "SHOULDER", "ABDOMEN", "TRUNK"),
    }
)


@dataclass(frozen=True)
class Rendered:
    """The rendition is in the renditions bucket; `facts` are those of a DICOM file.

    `version` is an earlier upload with the same bytes, if its rendition is reused.
    """

    facts: Facts | None = None
    version: str | None = None


@dataclass(frozen=True)
class NotRendered:
    """The film itself is at fault: final. `facts` are those of a DICOM file, where it has any."""

    code: str
    reason: str
    facts: Facts | None = None


def rendition_key(key: str, version: str) -> str:
    """Return the key of an upload's rendition, a hash: keys may contain a patient's name."""
    return hashlib.sha256(f"{key}\n{version}".encode()).hexdigest() + ".png"


def picture_key(key: str, version: str) -> str:
    """Name the picture of a DICOM film in its full depth, for readers; refused films have one."""
    return rendition_key(key, version).removesuffix(".png") + "-deep.png"


def is_whole(png: bytes) -> bool:
    """Return whether the PNG is complete and the checksum of every chunk is correct."""
    at, kind = len(_PNG), b""
    if not png.startswith(_PNG):
        return False
    while kind != _LAST_CHUNK:
        length = int.from_bytes(png[at : at + 4])
        kind, end = png[at + 4 : at + 8], at + 8 + length
        checksum = png[end : end + 4]
        if len(checksum) < 4 or zlib.crc32(png[at + 4 : end]) != int.from_bytes(checksum):
            return False
        at = end + 4
    return True


def rendered_as_json(rendered: Rendered | NotRendered) -> dict[str, Any]:
    """Return the values of the message's field."""
    facts = plain(standard(rendered.facts)) if rendered.facts else None
    if isinstance(rendered, NotRendered):
        refused = {"code": rendered.code, "reason": rendered.reason}
        return {"refused": refused} | ({"facts": facts} if facts else {})
    return {"facts": facts}


def rendered_from(message: Any) -> Rendered | NotRendered:  # noqa: ANN401
    """Read the output of `rendered_as_json`.

    Raises TypeError, KeyError or AttributeError for anything else.
    """
    facts = message.get("facts")
    known = standard(facts_from(facts)) if facts is not None else None
    if "refused" in message:
        code, reason = message["refused"]["code"], message["refused"]["reason"]
        if not isinstance(code, str) or not isinstance(reason, str):
            raise TypeError
        return NotRendered(code, reason[:_LONGEST_REASON], known)
    if "facts" not in message:
        raise KeyError("facts")
    return Rendered(known)


def standard(facts: Facts) -> Facts:
    """Return the facts without a view or body part that is not a term of the standard."""
    return replace(
        facts,
        view=facts.view if facts.view in _VIEWS else None,
        body_part=facts.body_part if facts.body_part in _BODY_PARTS else None,
    )
