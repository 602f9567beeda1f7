"""The configuration of `send`: one TOML file, checked before anything starts.

delivery/send.example.toml explains every key. An unknown key is an error.
"""

import re
import tomllib
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from screening.errors import Mistake

_TITLE = r"[\x20-\x5b\x5d-\x7e]{1,16}"


@dataclass(frozen=True)
class Aws:
    queue: str
    dead_letters: str
    table: str
    stack: str = "cxr-alert"
    renditions: str | None = None


@dataclass(frozen=True)
class Results:
    report: Literal["3d", "comprehensive"] = "3d"
    without_patient: bool = False
    keep_identity: Path | None = None
    identity_key: Path | None = None


@dataclass(frozen=True)
class Pacs:
    host: str
    port: int
    title: str
    own_title: str = "CXRALERT"
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Web:
    """The settings of any web address."""

    url: str
    authentication: Literal["none", "basic", "bearer", "sigv4"] = "none"
    secret_file: Path | None = None
    region: str | None = None
    service: str = "healthlake"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Dicomweb(Web):
    store: bool = True


@dataclass(frozen=True)
class Fhir(Web):
    own_ids: bool = False


@dataclass(frozen=True)
class Hl7:
    host: str
    port: int
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Arrivals:
    days: int = 3
    every_minutes: int = 60
    grace_minutes: int = 60
    deliver_anew: bool = True


@dataclass(frozen=True)
class Settings:
    aws: Aws
    results: Results = field(default_factory=Results)
    pacs: Pacs | None = None
    dicomweb: Dicomweb | None = None
    fhir: Fhir | None = None
    hl7: Hl7 | None = None
    arrivals: Arrivals | None = None


def read_settings(file: Path) -> Settings:
    """Read the file; raise Mistake with one sentence about the first error."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Mistake(f"--config {file} can't be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Mistake(f"--config {file} is not valid TOML: {error}.") from None
    settings: Settings = _table(Settings, found, str(file))
    stores = settings.dicomweb is not None and settings.dicomweb.store
    if not (settings.pacs or stores or settings.fhir or settings.hl7):
        raise Mistake(
            f"{file} names no destination: it needs one of [pacs], [dicomweb], [fhir] and [hl7]."
        )
    if settings.arrivals and not settings.dicomweb:
        raise Mistake(f"{file}: [arrivals] asks the PACS by QIDO-RS, which needs [dicomweb].")
    return settings


def _table(kind: Any, found: dict[str, Any], where: str) -> Any:  # noqa: ANN401
    hints = get_type_hints(kind)
    if unknown := sorted(set(found) - set(hints)):
        raise Mistake(
            f"{where}: {unknown[0]} is not a key here; known keys are {', '.join(hints)}."
        )
    values: dict[str, Any] = {}
    for each in fields(kind):
        if each.name in found:
            values[each.name] = _value(hints[each.name], found[each.name], f"{where}: {each.name}")
        elif each.default is MISSING and each.default_factory is MISSING:
            raise Mistake(f"{where}: {each.name} is missing.")
    made = kind(**values)
    _check(made, where)
    return made


def _value(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401
    if isinstance(hint, UnionType):
        hint = get_args(hint)[0]
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise Mistake(f"{where} must be one of {', '.join(get_args(hint))}.")
        return value
    if hint is Path:
        if not isinstance(value, str) or not value:
            raise Mistake(f"{where} must be the path of a file.")
        return Path(value)
    if hint in (str, int, bool):
        if type(value) is not hint or value == "":
            words = {str: "a text", int: "a whole number", bool: "true or false"}
            raise Mistake(f"{where} must be {words[hint]}.")
        return value
    if not isinstance(value, dict):
        raise Mistake(f"{where} must be a table, [{where.rpartition(' ')[2]}].")
    return _table(hint, value, where)


def _check(made: object, where: str) -> None:
    """Check what the types do not express."""
    match made:
        case Pacs():
            for title in (made.title, made.own_title):
                if not re.fullmatch(_TITLE, title.strip(" ")):
                    raise Mistake(
                        f"{where}: {title!r} is not an AE title: it has 1 to 16 ASCII "
                        "characters, without "
                        "backslash."
                    )
        case Web():
            if not re.fullmatch(r"https?://\S+", made.url):
                raise Mistake(f"{where}: url must begin with https:// or http://.")
            if made.authentication in ("basic", "bearer") and made.secret_file is None:
                raise Mistake(f"{where}: {made.authentication} authentication needs secret_file.")
            if made.authentication == "sigv4" and made.region is None:
                raise Mistake(f"{where}: sigv4 needs region.")
        case Results():
            if made.identity_key and not made.keep_identity:
                raise Mistake(f"{where}: identity_key is the key of keep_identity's file.")
        case Arrivals():
            if not (1 <= made.days <= 29 and made.every_minutes > 0 and made.grace_minutes >= 0):
                raise Mistake(f"{where}: days must be from 1 to 29, minutes at least 0.")
    port = getattr(made, "port", 1)
    if not 0 < port < 65536:
        raise Mistake(f"{where}: port must be from 1 to 65535.")
