"""A batch of uploads: all are screened concurrently, then their alerts are sent."""

import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from aws.endpoint import Endpoint
from aws.queue import Lanes, wait_seconds
from aws.screenings_table import Screenings
from aws.topic import Topic
from aws.uploads_bucket import Films
from classify.examine import Examined, compare_and_examine
from classify.placeholder import is_placeholder
from screening.clock import now, stamp
from screening.messages import alert_message
from screening.record import AlertState, Claim, Record, repeated, screened
from screening.refusals import GivenUp, Later, NeedsRendition, TryAgain
from screening.upload import Upload, event_of

WAIT_FOR_OTHERS_SECONDS = 2
_POLL_SECONDS = 0.1

# Limit of renderings of an upload: the first one, and more if the rendition was missing or
# incomplete. Each takes two hops: to `render`, and back.
MOST_RENDERINGS = 5
_LONGEST_DELAY_SECONDS = 900  # limit of SQS

# A copy of a version without a record waits this long for the original to get one.
COPY_WAITS = timedelta(minutes=1)
_LOOK_AGAIN_SECONDS = 5


@dataclass(frozen=True)
class Services:
    films: Films
    renditions: Lanes
    endpoint: Endpoint
    screenings: Screenings
    alerts: Topic
    cutoff: Decimal
    retry_seconds: int


@dataclass(frozen=True)
class Outcome:
    """The outcome for one upload.

    `record` is set if one exists, and `new` if this batch made it. `alert_sent` says whether this
    batch sent the alert. An upload that was `sent_to_render` has no record yet, and will be
    delivered again. A `placeholder` gets no record. An upload with a `failure` is not done.
    """

    upload: Upload
    record: Record | None = None
    new: bool = False
    sent_to_render: bool = False
    placeholder: bool = False
    alert_sent: bool = False
    failure: BaseException | None = None


def screen_and_alert(
    uploads: Iterable[Upload], services: Services, claim: Claim, pool: Executor
) -> list[Outcome]:
    """Return the outcome of each upload; the uploads must all be different.

    A failure affects only its own upload. Versions of one key are screened one after the other, so
    that a later one finds the record of an earlier one with the same bytes.
    """
    waiting = sorted(uploads, key=lambda one: one.uploaded)
    outcomes: list[Outcome] = []
    while waiting:
        first: dict[str, Upload] = {}
        for one in waiting:
            first.setdefault(one.key, one)
        outcomes += _at_once([*first.values()], services, claim, pool)
        waiting = [one for one in waiting if one is not first[one.key]]
    return outcomes


def _at_once(
    uploads: Iterable[Upload], services: Services, claim: Claim, pool: Executor
) -> list[Outcome]:
    outcomes = [Outcome(upload) for upload in uploads]
    outcomes = _each(pool, lambda one: _screen(one, services, claim), outcomes)
    outcomes = _alert(outcomes, services, claim, pool)
    return _each(pool, lambda one: _wait_for_another(one, services), outcomes)


def _screen(outcome: Outcome, services: Services, claim: Claim) -> Outcome:
    # Read the records first: after a redelivery or a redrive, many films have one already, and a
    # read costs a hundredth of a call of the endpoint.
    upload = outcome.upload
    versions = services.screenings.versions(upload.key, upload.version)
    record = next((each for each in versions if each.version == upload.version), None)
    made = None
    if record is None:
        if upload.size == 0 and is_placeholder(upload, services.films, now()):
            return replace(outcome, placeholder=True)
        if upload.copied:
            _let_the_original_go_first(upload, versions, services)
        try:
            examined = compare_and_examine(
                upload, versions, services.films, services.endpoint, services.cutoff
            )
        except NeedsRendition as needed:
            _have_rendered(replace(upload, digest=needed.digest), services)
            return replace(outcome, sent_to_render=True)
        made = _first_record(examined, claim)
        record = _add(made, services, claim)
    if record.alert is AlertState.PENDING and not record.awaits_alert_of(claim):
        record = services.screenings.claim(record, claim, now())
    return replace(outcome, record=record, new=record is made)


def _let_the_original_go_first(upload: Upload, versions: list[Record], services: Services) -> None:
    """Raise Later while the version that this upload may copy is being screened.

    File gateways copy an object to change its metadata, a moment after writing it. If both versions
    were screened at the same time, each would send an alert.
    """
    if now() - datetime.fromisoformat(upload.uploaded) > COPY_WAITS:
        return
    known = {each.version for each in versions}
    if services.films.neighbours(upload).older_of_same_size - known:
        raise Later("An earlier version of the key is being screened.", _LOOK_AGAIN_SECONDS)


def _have_rendered(upload: Upload, services: Services) -> None:
    """Send the upload to be rendered, with a growing delay after the first time.

    Raises GivenUp if the rendition was missing or incomplete too many times.
    """
    renderings = upload.hops // 2
    fresh = replace(upload, rendered=None)
    if renderings >= MOST_RENDERINGS:
        raise GivenUp(
            f"Its rendition was missing or incomplete {renderings} times.",
            json.dumps(event_of(replace(fresh, hops=0))),
        )
    delay = wait_seconds(services.retry_seconds, renderings, MOST_RENDERINGS) if renderings else 0
    services.renditions.forward(fresh, min(delay, _LONGEST_DELAY_SECONDS))


def _first_record(examined: Examined, claim: Claim) -> Record:
    twin = examined.twin
    if twin is None:
        return screened(examined.upload, examined.judgement, claim)
    if twin.alert is AlertState.PENDING and twin.claim and twin.claim.until > stamp(now()):
        raise Later(
            "The alert of the version with the same bytes is going out.", _LOOK_AGAIN_SECONDS
        )
    return repeated(examined.upload, twin, claim)


def _add(made: Record, services: Services, claim: Claim) -> Record:
    try:
        return services.screenings.add(made)
    except TryAgain:
        # The write may have taken effect, with a claim that blocks the alert until it expires.
        if made.awaits_alert_of(claim):
            services.screenings.release(made, claim)
        raise


def _alert(
    outcomes: list[Outcome], services: Services, claim: Claim, pool: Executor
) -> list[Outcome]:
    ours = [one.record for one in outcomes if one.record and one.record.awaits_alert_of(claim)]
    if not ours:
        return outcomes
    answers = services.alerts.publish([alert_message(record) for record in ours])
    failures = {
        (record.key, record.version): failed for record, failed in zip(ours, answers, strict=True)
    }

    def note(outcome: Outcome) -> Outcome:
        record = outcome.record
        if record is None or (record.key, record.version) not in failures:
            return outcome
        if failure := failures[record.key, record.version]:
            services.screenings.release(record, claim)
            return replace(outcome, failure=failure)
        services.screenings.mark_sent(record, now())
        return replace(outcome, record=replace(record, alert=AlertState.SENT), alert_sent=True)

    return _each(pool, note, outcomes)


def _wait_for_another(outcome: Outcome, services: Services) -> Outcome:
    """If another delivery holds the claim, wait a moment for it to send the alert.

    This batch has sent its own alerts by then, so no two batches wait for each other.
    """
    deadline = time.monotonic() + WAIT_FOR_OTHERS_SECONDS
    record = outcome.record
    while record and record.alert is AlertState.PENDING:
        if time.monotonic() > deadline:
            raise TryAgain("Another delivery of the upload has yet to send its alert.")
        time.sleep(_POLL_SECONDS)
        record = services.screenings.find(record.key, record.version)
    return replace(outcome, record=record)


def _each(
    pool: Executor, step: Callable[[Outcome], Outcome], outcomes: list[Outcome]
) -> list[Outcome]:
    """Apply the step to all uploads concurrently; those for which it raises have failed."""

    def taken(outcome: Outcome) -> Outcome:
        return outcome if outcome.failure else step(outcome)

    steps = [pool.submit(taken, outcome) for outcome in outcomes]
    return [_result(step, outcome) for step, outcome in zip(steps, outcomes, strict=True)]


def _result(step: Future[Outcome], before: Outcome) -> Outcome:
    failure = step.exception()
    return replace(before, failure=failure) if failure else step.result()
