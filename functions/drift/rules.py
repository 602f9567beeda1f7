"""Compare one day of a site with its reference: the signals, and the films to look at. Pure."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from drift import limits
from drift.cusum import Steps, steps, usual_share
from drift.distance import Distance, distance
from drift.state import MOST_DAYS, MOST_KEYS, MOST_NAMED, Day, Reference, Signal, State
from drift.traffic import ALL, TooFew, source_of, too_few, with_day

UNKNOWN = "unknown"
_WAYS = {"up": 1, "down": -1}


@dataclass(frozen=True)
class Film:
    """One screened upload; a rejected one has a code and no probability."""

    key: str
    cutoff: str
    probability: float | None = None
    network: str = UNKNOWN
    code: str = ""

    @property
    def positive(self) -> bool:
        return self.probability is not None and self.probability >= float(self.cutoff)


@dataclass(frozen=True)
class Reading:
    """A reader's definite answer about a positive of `network`."""

    network: str
    confirmed: bool


@dataclass(frozen=True)
class Counted:
    """One day: its films in the order of screening, and its readings."""

    day: str
    films: Sequence[Film]
    readings: Sequence[Reading] = ()


def count_day(state: State, counted: Counted, samples: Sequence[Signal] = ()) -> State:
    """Return the state after that day; `samples` are the signals of the sample films."""
    judged = [each for each in counted.films if each.probability is not None]
    reference = _reference(state.reference, judged, counted.day)
    if reference:
        reference = _after(reference, counted)
    traffic = with_day(state.traffic, Counter(source_of(each.key) for each in counted.films))
    gap = _distance(reference)
    signals = [*samples, *_signals(reference, gap), *(_thin(each) for each in too_few(traffic))]
    history = state.history
    if history or counted.films:  # history begins with the first film
        history = [*history, _day(counted, gap, signals)][-MOST_DAYS:]
    return replace(
        state,
        through=counted.day,
        reference=reference,
        traffic=traffic,
        signals=signals,
        history=history,
    )


def _reference(before: Reference | None, judged: Sequence[Film], day: str) -> Reference | None:
    """Return the reference of the network that judged most of the day's films.

    During an update, or with traffic split between two networks, both answer. Films of the other
    network are left out, since each would otherwise start a new reference.
    """
    usual = Counter((each.network, each.cutoff) for each in judged).most_common(1)
    if not usual:
        return before
    ((network, cutoff), _) = usual[0]
    if before and (before.network, before.cutoff) == (network, cutoff):
        return before
    return Reference(network, cutoff, since=day)


def _after(reference: Reference, counted: Counted) -> Reference:
    """Return the reference updated with the day's films and readings."""
    follow = _Follower(reference)
    for film in counted.films:
        if film.code:
            follow.refused(film)
        elif (film.network, film.cutoff) == (reference.network, reference.cutoff):
            follow.judged(film)
    for reading in counted.readings:
        if reading.network == reference.network:
            follow.read(reading)
    return follow.result()


class _Follower:
    """Adds a day's films one by one: to the reference until it is full, then to the comparison."""

    def __init__(self, reference: Reference) -> None:
        self._before = reference
        self._probabilities = list(reference.probabilities)
        self._positives = reference.positives
        self._refused = Counter(reference.refused)
        self._confirmed, self._reviewed = reference.confirmed, reference.reviewed
        self._recent = list(reference.recent)
        self._last = deque(reference.last_films, MOST_KEYS)
        self._last_refused = deque(reference.last_refused, MOST_KEYS)
        self._levels: dict[str, float] = defaultdict(float, reference.levels)
        self._steps: dict[str, tuple[Steps, float]] = {}
        self._codes: dict[str, str] = {}  # signals, by the name of their CUSUM
        if self._full:
            self._compare()

    @property
    def _full(self) -> bool:
        return len(self._probabilities) >= limits.REFERENCE_FILMS

    def _compare(self) -> None:
        """Set the steps of each CUSUM once the reference is full."""
        judged, level = len(self._probabilities), limits.POSITIVE_LEVEL
        for way, sign in _WAYS.items():
            usual = usual_share(self._positives, judged, sign * limits.MARGIN)
            self._steps[f"positive-{way}"] = steps(usual, limits.POSITIVE_ODDS**sign), level
        risen = {name.partition(":")[2] for name in self._levels if ":" in name}
        for code in {*self._refused, *risen}:
            self._compare_code(code)

    def _compare_code(self, code: str) -> None:
        count, level = self._refused[code], limits.REFUSED_LEVEL
        films = len(self._probabilities) + self._refused.total()
        for way, sign in _WAYS.items():
            if way == "down" and count < limits.USUAL_REFUSAL * films:
                continue
            usual = usual_share(count, films, sign * limits.REFUSED_MARGIN)
            usual = max(usual, limits.RAREST_REFUSAL)
            name = f"refused-{way}:{code}"
            self._steps[name] = steps(usual, limits.REFUSED_ODDS**sign), level
            self._codes[name] = code

    def judged(self, film: Film) -> None:
        probability = film.probability or 0.0
        self._last.append((probability, film.key))
        if not self._full:
            self._probabilities.append(probability)
            self._positives += film.positive
            if self._full:
                self._compare()
            return
        self._recent.append(probability)
        self._follow("positive-up", film.positive)
        self._follow("positive-down", film.positive)
        self._follow_codes("")

    def refused(self, film: Film) -> None:
        self._last_refused.append((film.code, film.key))
        if not self._full:
            self._refused[film.code] += 1
            return
        if f"refused-up:{film.code}" not in self._steps:
            self._compare_code(film.code)
        self._follow_codes(film.code)

    def read(self, reading: Reading) -> None:
        if self._reviewed < limits.REFERENCE_REVIEWS:
            self._reviewed += 1
            self._confirmed += reading.confirmed
            return
        usual = usual_share(self._confirmed, self._reviewed, -limits.MARGIN)
        self._steps["confirmed-down"] = (
            steps(usual, 1 / limits.CONFIRMED_ODDS),
            limits.CONFIRMED_LEVEL,
        )
        self._follow("confirmed-down", reading.confirmed)

    def _follow_codes(self, code: str) -> None:
        for name, own in self._codes.items():
            self._follow(name, own == code)

    def _follow(self, name: str, hit: bool) -> None:
        each, limit = self._steps[name]
        self._levels[name] = each.follow(self._levels[name], hit, limit)

    def result(self) -> Reference:
        return replace(
            self._before,
            probabilities=self._probabilities,
            positives=self._positives,
            refused=dict(self._refused),
            confirmed=self._confirmed,
            reviewed=self._reviewed,
            recent=self._recent[-limits.RECENT_FILMS :],
            last_films=list(self._last),
            last_refused=list(self._last_refused),
            levels={name: round(level, 3) for name, level in self._levels.items() if level},
        )


def _distance(reference: Reference | None) -> Distance | None:
    """Return the distance of the recent films from the reference, once there are enough of both."""
    if reference is None or len(reference.recent) < limits.RECENT_FILMS:
        return None
    return distance(reference.probabilities, reference.recent)


def _signals(reference: Reference | None, gap: Distance | None) -> Iterator[Signal]:
    if reference is None:
        return
    for name, level in reference.levels.items():
        if level > _limit_of(name):
            yield _moved(name, reference)
    if gap and gap.value > limits.DISTANCE:
        films = [key for p, key in reference.last_films if (p > gap.at) == gap.above]
        side = "above" if gap.above else "at most"
        yield Signal(
            "probability",
            f"Probabilities differ from the reference: distance {gap.value:.2f}, limit "
            f"{limits.DISTANCE}; more films than usual are {side} {gap.at:.3f}.",
            films[-MOST_NAMED:],
        )


def _limit_of(name: str) -> float:
    kind = name.partition("-")[0]
    levels = {"positive": limits.POSITIVE_LEVEL, "refused": limits.REFUSED_LEVEL}
    return levels.get(kind, limits.CONFIRMED_LEVEL)


def _moved(name: str, reference: Reference) -> Signal:
    cutoff = float(reference.cutoff)
    way, _, code = name.partition(":")
    if code:
        rising = way.endswith("up")
        films = [key for other, key in reference.last_refused if other == code][-MOST_NAMED:]
        more = "More" if rising else "Fewer"
        sentence = f"{more} films are rejected than in the reference, with the code {code}."
        return Signal(name, sentence, films if rising else ())
    if way == "confirmed-down":
        usual = _percent(usual_share(reference.confirmed, reference.reviewed))
        sentence = f"Readers confirm fewer positives than the {usual} of the reference."
        return Signal(name, sentence, _positives(reference, cutoff))
    usual = _percent(usual_share(reference.positives, len(reference.probabilities)))
    if way == "positive-up":
        sentence = f"More films are positive than the {usual} of the reference."
        return Signal(name, sentence, _positives(reference, cutoff))
    sentence = f"Fewer films are positive than the {usual} of the reference."
    negatives = [key for p, key in reference.last_films if p < cutoff]
    return Signal(name, sentence, negatives[-MOST_NAMED:])


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _positives(reference: Reference, cutoff: float) -> list[str]:
    return [key for p, key in reference.last_films if p >= cutoff][-MOST_NAMED:]


def _thin(found: TooFew) -> Signal:
    span = "day" if found.days == 1 else "seven days"
    where = "" if found.source == ALL else f" from {found.source or 'no folder'}"
    return Signal(
        f"films:{found.source}",
        f"{found.films} films{where} in the last {span}; {found.usual:g} are usual.",
    )


def _day(counted: Counted, gap: Distance | None, signals: Iterable[Signal]) -> Day:
    films = len(counted.films)
    judged = sum(not each.code for each in counted.films)
    return Day(
        day=counted.day,
        films=films,
        positive=_share(sum(each.positive for each in counted.films), judged),
        refused=_share(films - judged, films),
        distance=round(gap.value, 3) if gap else None,
        confirmed=sum(each.confirmed for each in counted.readings),
        reviewed=len(counted.readings),
        signals=sorted({each.name.partition(":")[0] for each in signals}),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
