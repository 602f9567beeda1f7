"""The state of a site's drift watch, kept from day to day as one JSON text. Pure.

The text contains the object keys of the last films, since a message names films to look at; it is
stored encrypted. `shown`, which other programs read, has only the keys that the signals name.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from drift.limits import DISTANCE

MOST_DAYS = 366  # days of history
MOST_NAMED = 10  # films of one signal
MOST_KEYS = 30  # keys of the last films


@dataclass(frozen=True)
class Signal:
    """A signal: `name` for programs, `said` as a sentence, `films` the keys to look at."""

    name: str
    said: str
    films: Sequence[str] = ()


@dataclass(frozen=True)
class Day:
    """One counted day; shares are of that day's films, or None without films.

    `signals` are the kinds of the signals that were raised.
    """

    day: str
    films: int
    positive: float | None
    refused: float | None
    distance: float | None
    confirmed: int
    reviewed: int
    signals: Sequence[str] = ()


@dataclass(frozen=True)
class Reference:
    """The site's first films under one network and cutoff, and the figures compared with them."""

    network: str
    cutoff: str
    since: str
    probabilities: Sequence[float] = ()
    positives: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    confirmed: int = 0
    reviewed: int = 0
    recent: Sequence[float] = ()
    last_films: Sequence[tuple[float, str]] = ()
    last_refused: Sequence[tuple[str, str]] = ()  # by code and key
    levels: Mapping[str, float] = field(default_factory=dict)  # level of each CUSUM, by its signal


@dataclass(frozen=True)
class State:
    through: str  # the last counted day
    reference: Reference | None = None
    asked: str = ""  # when a person asked for the reference that this state has already begun
    traffic: Mapping[str, Sequence[int]] = field(default_factory=dict)
    samples: Mapping[str, str] = field(default_factory=dict)  # first answers, by film
    samples_of: str = ""  # the network that gave them
    signals: Sequence[Signal] = ()
    told: Sequence[str] = ()  # signals of the last message
    history: Sequence[Day] = ()


def write_state(state: State) -> str:
    told = asdict(replace(state, signals=[replace(each, films=()) for each in state.signals]))
    return _compact(told)


def read_state(text: str) -> State:
    found = json.loads(text)
    reference = found.pop("reference")
    return State(
        **_of(State, found)
        | {
            "reference": Reference(**_of(Reference, reference)) if reference else None,
            "signals": [Signal(**each) for each in found["signals"]],
            "history": [Day(**each) for each in found["history"]],
        }
    )


def shown(state: State) -> str:
    """Return the JSON that the command and the worklist's page show."""
    reference = state.reference
    return _compact(
        {
            "through": state.through,
            "network": reference and reference.network,
            "cutoff": reference and reference.cutoff,
            "since": reference and reference.since,
            "referenceFilms": len(reference.probabilities) if reference else 0,
            "distanceLimit": DISTANCE,
            "signals": [asdict(each) for each in state.signals],
            "days": [asdict(each) for each in state.history],
        }
    )


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _of(kind: Any, found: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Return the fields that this version knows; a newer version may have written more."""
    known = {each.name for each in fields(kind)}
    return {name: value for name, value in found.items() if name in known}
