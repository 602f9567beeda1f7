"""The network's performance, measured against the readers' reviews. Pure.

Precision needs only the reviewed positives. Sensitivity also needs the missed films: negatives are
drawn at random and reviewed, each weighted by the inverse of its chance to be drawn. Sensitivity
counts blinded readings only, of positives too. Drawn films that nobody has read yet are assumed to
be like those that were read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from screening.interval import Estimate, wilson
from screening.precision import LocalPrecision
from worklist.rules.entry import Entry
from worklist.rules.intervals import agreement, share_of_sum, weighted_count
from worklist.rules.review import Reading, Review, majority

LAST_POSITIVES = (
    200  # positives of one network: enough for an interval of 10 %, few enough to be recent
)


@dataclass(frozen=True)
class Case:
    """A film that readers were asked to review, with one network's judgement.

    `readings` holds the readings by reader, `blind` the blinded ones among them.
    """

    uploaded: str
    group: str
    model: str
    positive: bool
    probability: float
    cutoff: float
    chance: float | None  # that a negative was drawn
    readings: Mapping[str, Reading]
    blind: Mapping[str, Reading]

    @cached_property
    def truth(self) -> Reading | None:
        """The reading of most readers; None if nobody was sure, or if the readings tie."""
        return majority(self.readings)

    @cached_property
    def blind_truth(self) -> Reading | None:
        """The reading of most blinded readers; None as for `truth`."""
        return majority(self.blind)


@dataclass(frozen=True)
class Measures:
    """Measures of a group of cases; None where there are no films to compute one from."""

    positives: int
    positives_read: int
    confirmed: int
    drawn: int
    drawn_read: int
    missed: int
    disputed: int
    precision: Estimate | None
    sensitivity: Estimate | None


@dataclass(frozen=True)
class CutoffFor:
    """The highest cutoff with the wanted sensitivity, and the alerts that it would raise."""

    cutoff: float
    sensitivity: Estimate
    alerts_per_thousand: float
    alerts_per_thousand_now: float
    precision: float


@dataclass(frozen=True)
class _Weighted:
    probability: float
    positive: bool
    weight: float
    ill: bool


def cases(reviews: Iterable[Review], unread: Iterable[Entry]) -> list[Case]:
    """Return the films that readers were asked to review, with each reader's latest reading.

    Two kinds are left out: negatives that somebody reviewed unasked, since they are no random
    sample, and films that a reader set aside, since there was no film to read.
    """
    by_judgement: dict[tuple[str, str], list[Review]] = defaultdict(list)
    for review in sorted(reviews, key=lambda review: review.time):
        by_judgement[review.film, review.classified].append(review)
    found = []
    for reviews_of_one in by_judgement.values():
        readings = {each.reader: each.reading for each in reviews_of_one}
        blind = {each.reader: each.reading for each in reviews_of_one if not each.score_seen}
        if _asked(reviews_of_one[0]) and Reading.SET_ASIDE not in readings.values():
            found.append(_case(reviews_of_one[0], readings, blind))
    seen = {film for film, _ in by_judgement}
    found += [_case(entry, {}, {}) for entry in unread if entry.film not in seen and _asked(entry)]
    return found


def _asked(film: Review | Entry) -> bool:
    return film.probability is not None and (film.finding == Reading.PNEUMONIA or film.hidden)


def _case(
    film: Review | Entry, readings: Mapping[str, Reading], blind: Mapping[str, Reading]
) -> Case:
    positive = film.finding == Reading.PNEUMONIA
    return Case(
        uploaded=film.uploaded,
        group=film.group,
        model=film.model or "unknown",
        positive=positive,
        probability=float(film.probability or 0),
        cutoff=float(film.cutoff),
        chance=None if positive or film.chance is None else float(film.chance),
        readings=readings,
        blind=blind,
    )


def measure(chosen: Sequence[Case]) -> Measures:
    positives = [case for case in chosen if case.positive]
    drawn = [case for case in chosen if not case.positive]
    read = [case for case in positives if case.truth]
    confirmed = sum(case.truth is Reading.PNEUMONIA for case in read)
    drawn_read = [case for case in drawn if case.blind_truth]
    weighted = _weighted(chosen)
    found_ill = any(case.ill and case.positive for case in weighted)
    return Measures(
        positives=len(positives),
        positives_read=len(read),
        confirmed=confirmed,
        drawn=len(drawn),
        drawn_read=len(drawn_read),
        missed=sum(case.blind_truth is Reading.PNEUMONIA for case in drawn_read),
        disputed=sum(bool(case.readings) and case.truth is None for case in chosen),
        precision=wilson(confirmed, len(read)) if read else None,
        sensitivity=_sensitivity(weighted, _now) if found_ill and drawn_read else None,
    )


def by(chosen: Sequence[Case], name: Callable[[Case], str]) -> dict[str, Measures]:
    """Return the measures of each group of cases, by the group's name."""
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in chosen:
        groups[name(case)].append(case)
    return {each: measure(groups[each]) for each in sorted(groups)}


def week(case: Case) -> str:
    year, number, _ = datetime.fromisoformat(case.uploaded).isocalendar()
    return f"{year}-W{number:02}"


def local_precisions(chosen: Iterable[Case]) -> dict[str, LocalPrecision]:
    """Return each network's local precision, by the network's digest."""
    read: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(chosen, key=lambda each: each.uploaded):
        if case.positive and case.truth:
            read[case.model].append(case)
    found = {}
    for network, all_read in read.items():
        last = all_read[-LAST_POSITIVES:]
        confirmed = sum(case.truth is Reading.PNEUMONIA for case in last)
        share = wilson(confirmed, len(last))
        found[network] = LocalPrecision(confirmed, len(last), share.low, share.high)
    return found


def readers_agree(chosen: Iterable[Case]) -> Estimate | None:
    return agreement([str(each) for each in case.readings.values()] for case in chosen)


def cutoff_for(chosen: Sequence[Case], sensitivity: float) -> CutoffFor | None:
    """Return the highest cutoff with at least the wanted sensitivity."""
    weighted = _weighted(chosen)
    ill = sorted((case for case in weighted if case.ill), key=lambda case: -case.probability)
    total = sum(case.weight for case in ill)
    if not ill or all(case.positive for case in weighted):
        return None
    reached = 0.0
    for case in ill:
        reached += case.weight
        if reached >= sensitivity * total * (1 - 1e-12):
            break
    cutoff = case.probability
    films = sum(each.weight for each in weighted)
    alerts = sum(each.weight for each in weighted if each.probability >= cutoff)
    now = sum(case.positive for case in chosen)
    return CutoffFor(
        cutoff=cutoff,
        sensitivity=_sensitivity(weighted, lambda each: each.probability >= cutoff),
        alerts_per_thousand=1000 * alerts / films,
        alerts_per_thousand_now=1000 * now / films,
        precision=reached / alerts,
    )


def _weighted(chosen: Sequence[Case]) -> list[_Weighted]:
    """Return the cases with a blinded reading, each with the number of films that it represents."""
    positives = [case for case in chosen if case.positive]
    read = [case for case in positives if case.blind_truth]
    drawn = [(case, 1 / case.chance) for case in chosen if not case.positive and case.chance]
    drawn_read = [(case, weight) for case, weight in drawn if case.blind_truth]
    unread = sum(weight for _, weight in drawn) / (sum(w for _, w in drawn_read) or 1)
    weights = [(case, len(positives) / len(read)) for case in read]
    weights += [(case, weight * unread) for case, weight in drawn_read]
    return [
        _Weighted(case.probability, case.positive, weight, case.blind_truth is Reading.PNEUMONIA)
        for case, weight in weights
    ]


def _sensitivity(weighted: Sequence[_Weighted], finds: Callable[[_Weighted], bool]) -> Estimate:
    """Return the share of the cases with pneumonia for which `finds` is true."""

    def count(found: bool) -> Estimate:
        among = [case for case in weighted if finds(case) == found]
        heaviest = max((case.weight for case in among), default=0.0)
        return weighted_count([case.weight for case in among if case.ill], heaviest)

    return share_of_sum(count(True), count(False))


def _now(case: _Weighted) -> bool:
    return case.positive
