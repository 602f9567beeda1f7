"""A batch of uploads: screened all at once, since the time goes into waiting, then alerted."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from decimal import Decimal

from aws.endpoint import Endpoint
from aws.queue import Queue
from aws.screenings_table import Screenings
from aws.topic import Topic
from aws.uploads_bucket import Films
from classify.examine import examine
from screening.clock import now
from screening.messages import alert_message
from screening.record import AlertState, Claim, Record, screened
from screening.refusals import NeedsRendition, TryAgain
from screening.upload import Upload

WAIT_FOR_OTHERS_SECONDS = 2
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Services:
    films: Films
    renditions: Queue
    endpoint: Endpoint
    screenings: Screenings
    alerts: Topic
    cutoff: Decimal


@dataclass(frozen=True)
class Outcome:
    """What became of one upload.

    `record` is there if it got that far, `new` if this batch made it; `alert_sent` tells whether
    this batch sent its alert. One `sent_to_render` has no record yet: it comes back. With a
    `failure` the queue has to deliver the upload again.
    """

    upload: Upload
    record: Record | None = None
    new: bool = False
    sent_to_render: bool = False
    alert_sent: bool = False
    failure: BaseException | None = None


def screen_and_alert(
    uploads: Iterable[Upload], services: Services, claim: Claim, pool: Executor
) -> list[Outcome]:
    """Return what became of each upload; no two of them may be the same.

    A failure concerns its own upload alone.
    """
    outcomes = [Outcome(upload) for upload in uploads]
    outcomes = _each(pool, lambda one: _screen(one, services, claim), outcomes)
    outcomes = _alert(outcomes, services, claim, pool)
    return _each(pool, lambda one: _wait_for_another(one, services), outcomes)


def _screen(outcome: Outcome, services: Services, claim: Claim) -> Outcome:
    # Read first. A redelivery, or a redrive of the dead-letter queue, brings many films that have
    # their record; to read it costs a hundredth of asking the endpoint again.
    record, made = _find(outcome.upload, services), None
    if record is None:
        try:
            judgement = examine(outcome.upload, services.films, services.endpoint, services.cutoff)
        except NeedsRendition:
            services.renditions.hand_on(replace(outcome.upload, rendered=None))
            return replace(outcome, sent_to_render=True)
        made = screened(outcome.upload, judgement, claim)
        record = _add(made, services, claim)
    if record.alert is AlertState.PENDING and not record.awaits_alert_of(claim):
        record = services.screenings.claim(record, claim, now())
    return replace(outcome, record=record, new=record is made)


def _find(upload: Upload, services: Services) -> Record | None:
    return services.screenings.find(upload.key, upload.version)


def _add(made: Record, services: Services, claim: Claim) -> Record:
    try:
        return services.screenings.add(made)
    except TryAgain:
        # It may have been written all the same, with a claim that keeps every try from its alert.
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
    """Where another delivery of the upload holds the claim, give it a moment to send the alert.

    This batch has sent its own alerts by now, so no two batches wait for each other.
    """
    deadline = time.monotonic() + WAIT_FOR_OTHERS_SECONDS
    record = outcome.record
    while record and record.alert is AlertState.PENDING:
        if time.monotonic() > deadline:
            raise TryAgain("Another delivery of the upload has yet to send its alert.")
        time.sleep(_POLL_SECONDS)
        record = _find(outcome.upload, services)
    return replace(outcome, record=record)


def _each(
    pool: Executor, step: Callable[[Outcome], Outcome], outcomes: list[Outcome]
) -> list[Outcome]:
    """Take the step with all uploads at once; one for which it raises has failed, and stays so."""

    def taken(outcome: Outcome) -> Outcome:
        return outcome if outcome.failure else step(outcome)

    steps = [pool.submit(taken, outcome) for outcome in outcomes]
    return [_result(step, outcome) for step, outcome in zip(steps, outcomes, strict=True)]


def _result(step: Future[Outcome], before: Outcome) -> Outcome:
    failure = step.exception()
    return replace(before, failure=failure) if failure else step.result()
