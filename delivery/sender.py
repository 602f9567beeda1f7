"""The loop of `send`: take results from the queue, deliver them everywhere, then delete them.

The queue is the only persistent state. A message is deleted once every destination has confirmed
the result; until then SQS delivers it again, to any process that asks. A process also remembers
confirmations and refusals, to avoid repetitions; losing that does no harm, since a repeated result
has the same bytes.

Each destination works on a batch in a thread of its own. If one is away, it is not asked for a time
that doubles with each failure, while the others go on.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws.errors import AWS_ERRORS, name_of
from delivery.destination import Away, Destination, Refused, Result, Session
from delivery.films import NoIdentity, NothingToDeliver
from delivery.metrics import Metrics
from screening.result import ResultRequest, read_result_request
from screening.upload import MalformedMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 1800.0
# For a destination that answers: one result that it can't process may be the only problem.
LONGEST_WAIT_CONNECTED_SECONDS = 60.0
MOST_REFUSALS = 12  # refusals of one result by one destination, over some hours
HELD_SECONDS = 120  # the queue's visibility timeout
_HOLD_EVERY_SECONDS = 40.0
_BATCH = 10
_BATCHES_AT_ONCE = 3  # some are built while others wait for their destinations
_AWS_WAIT_SECONDS = 5

logger = logging.getLogger("delivery")


@dataclass
class Standing:
    """The state of a destination: after `failures` in a row it is tried again at `until`.

    Two batches may write it at once. The later one counts, which costs one wait at most.
    """

    destination: Destination
    first_wait: float
    failures: int = 0
    until: float = 0.0

    @property
    def waits(self) -> bool:
        return time.monotonic() < self.until

    def failed(self, longest: float) -> None:
        self.failures += 1
        wait = min(self.first_wait * 2.0 ** min(self.failures - 1, 20), longest)
        self.until = time.monotonic() + wait

    def worked(self) -> None:
        self.failures, self.until = 0, 0.0


@dataclass
class Progress:
    """The confirmations and refusals of one result that this process remembers."""

    done: set[str] = field(default_factory=set)
    refusals: int = 0
    failures: int = 0  # number of deliveries begun; results with most of them go last


@dataclass
class _Work:
    request: ResultRequest
    message: "MessageTypeDef"
    result: Result
    progress: Progress
    refused: bool = False


class Sender:
    """Take results from the queue and deliver them.

    `build` makes a message's result, or raises Away, NothingToDeliver or NoIdentity.
    """

    def __init__(
        self,
        sqs: "SQSClient",
        queues: tuple[str, str],
        build: Callable[[ResultRequest], Result],
        destinations: Sequence[Destination],
        metrics: Metrics,
        first_wait: float = FIRST_WAIT_SECONDS,
    ) -> None:
        self.sqs = sqs
        self.queue, self.dead_letters = queues
        self.build = build
        self.standings = [Standing(each, first_wait) for each in destinations]
        self.metrics = metrics
        self.first_wait = first_wait
        self._progress: dict[ResultRequest, Progress] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        """Work until `end` is called; requests that AWS does not answer are repeated."""
        with ThreadPoolExecutor(_BATCHES_AT_ONCE) as threads:
            loops = [threads.submit(self._loop) for _ in range(_BATCHES_AT_ONCE)]
        self.metrics.send(now=True)
        for each in loops:
            each.result()

    def _loop(self) -> None:
        try:
            while not self._ended.is_set():
                try:
                    self.step(wait_seconds=20)
                except AWS_ERRORS as error:
                    logger.warning("AWS did not answer as expected: %s.", name_of(error))
                    self._ended.wait(_AWS_WAIT_SECONDS)
                self.metrics.send()
        finally:
            self.end()  # if one loop ends, the whole program ends

    def end(self) -> None:
        """End after the current batch; may be called from a signal handler."""
        self._ended.set()

    def step(self, wait_seconds: int) -> int:
        """Take one batch of messages and process it; return its size."""
        messages = self.sqs.receive_message(
            QueueUrl=self.queue,
            MaxNumberOfMessages=_BATCH,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=HELD_SECONDS,
        ).get("Messages", [])
        if not messages:
            return 0
        with self._held(messages):
            works = self._prepare(messages)
            ready = [each for each in self.standings if not each.waits]
            with ThreadPoolExecutor(max(len(ready), 1)) as threads:
                list(threads.map(lambda each: self._deliver(each, works), ready))
        for work in works:
            self._settle(work)
        return len(messages)

    def _prepare(self, messages: Sequence["MessageTypeDef"]) -> list[_Work]:
        works: list[_Work] = []
        for message in messages:
            try:
                request = read_result_request(message["Body"])
            except MalformedMessage as error:
                self._give_up(message, "-", str(error))
                continue
            try:
                result = self.build(request)
            except NothingToDeliver as reason:
                logger.info(
                    "Result %s %s: not delivered, %s.", request.log_id, request.judged, reason
                )
                self._delete(message)
                self.metrics.count("ResultsWithoutPatient")
            except Away as error:
                logger.warning("Result %s waits: %s.", request.log_id, error)
                self._postpone(message, self.first_wait)
            except NoIdentity as reason:
                # It stays in the queue: the identity file may be restored.
                progress = self._progress.setdefault(request, Progress())
                progress.refusals += 1
                logger.warning("Result %s waits: %s.", request.log_id, reason)
                self.metrics.count("ResultsFailed")
                self._postpone(message, self._wait(progress.refusals))
            except Exception as error:  # noqa: BLE001 - no film may stop the others
                # No traceback: it may quote the header.
                self._not_built(message, request, type(error).__name__)
            else:
                progress = self._progress.setdefault(request, Progress())
                works.append(_Work(request, message, result, progress))
        return works

    def _not_built(self, message: "MessageTypeDef", request: ResultRequest, cause: str) -> None:
        progress = self._progress.setdefault(request, Progress())
        progress.refusals += 1
        if progress.refusals >= MOST_REFUSALS:
            del self._progress[request]
            self._give_up(message, request.log_id, f"it can't be built ({cause})")
            return
        logger.warning("Result %s could not be built: %s.", request.log_id, cause)
        self.metrics.count("ResultsFailed")
        self._postpone(message, self._wait(progress.refusals))

    def _deliver(self, standing: Standing, works: Sequence[_Work]) -> None:
        """Deliver to one destination the results that it lacks; never raises."""
        name = standing.destination.name
        wanted = [work for work in works if name not in work.progress.done]
        if not wanted:
            return
        longest = LONGEST_WAIT_SECONDS
        try:
            session = standing.destination.open()
            longest = LONGEST_WAIT_CONNECTED_SECONDS
            try:
                for work in sorted(wanted, key=lambda each: each.progress.failures):
                    self._deliver_one(session, name, work)
                    standing.worked()
            finally:
                session.close()
        except Exception as error:  # noqa: BLE001 - one destination may not stop the others
            standing.failed(longest)
            reason = str(error) if isinstance(error, Away) else type(error).__name__
            logger.warning(
                "%s is unreachable or accepts nothing: %s. Delivery will be tried again later.",
                name,
                reason,
            )

    def _deliver_one(self, session: Session, name: str, work: _Work) -> None:
        """Raise Away; any other error concerns this result only."""
        try:
            session.deliver(work.result)
        except Away:
            work.progress.failures += 1
            raise
        except Exception as error:  # noqa: BLE001 - no result may stop the others
            reason = str(error) if isinstance(error, Refused) else type(error).__name__
            work.refused = True
            logger.warning("Result %s refused by %s: %s.", work.result.name, name, reason)
        else:
            work.progress.done.add(name)

    def _settle(self, work: _Work) -> None:
        missing = [
            each for each in self.standings if each.destination.name not in work.progress.done
        ]
        if not missing:
            self._progress.pop(work.request, None)
            self._delete(work.message)
            names = ", ".join(each.destination.name for each in self.standings)
            logger.info("Result %s delivered to %s.", work.result.name, names)
            self.metrics.count("ResultsDelivered")
            return
        self.metrics.count("ResultsFailed")
        wait = max(min(each.until for each in missing) - time.monotonic(), 0)
        if work.refused:
            work.progress.refusals += 1
            if work.progress.refusals >= MOST_REFUSALS:
                self._progress.pop(work.request, None)
                self._give_up(work.message, work.request.log_id, "it was refused too often")
                return
            wait = self._wait(work.progress.refusals)
        self._postpone(work.message, wait)

    def _wait(self, tries: int) -> float:
        return float(min(self.first_wait * 2.0 ** (tries - 1), LONGEST_WAIT_SECONDS))

    def _delete(self, message: "MessageTypeDef") -> None:
        self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def _postpone(self, message: "MessageTypeDef", seconds: float) -> None:
        self.sqs.change_message_visibility(
            QueueUrl=self.queue,
            ReceiptHandle=message["ReceiptHandle"],
            VisibilityTimeout=round(seconds),
        )

    def _give_up(self, message: "MessageTypeDef", film: str, reason: str) -> None:
        logger.error("Result %s moved to the dead-letter queue: %s.", film, reason)
        self.sqs.send_message(QueueUrl=self.dead_letters, MessageBody=message["Body"])
        self._delete(message)
        self.metrics.count("ResultsGivenUp")

    @contextmanager
    def _held(self, messages: Sequence["MessageTypeDef"]) -> Iterator[None]:
        """Keep the messages hidden from other processes while they are worked on."""
        done = threading.Event()

        def hold() -> None:
            while not done.wait(_HOLD_EVERY_SECONDS):
                for message in messages:
                    try:
                        self._postpone(message, HELD_SECONDS)
                    except AWS_ERRORS:
                        continue  # another process may then work on it too, which does no harm

        holder = threading.Thread(target=hold, daemon=True)
        holder.start()
        try:
            yield
        finally:
            done.set()
            holder.join()
