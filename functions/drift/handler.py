"""The handler of `drift`: counts each complete day once, on a schedule.

Each day is written before the next one is counted, so an interrupted run loses one day's work at
most and counts no day twice. The function changes nothing else; it reports what to look at.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from aws.clients import DriftClients
from aws.drift_table import DriftTable, Kept, Overtaken
from aws.endpoint import Endpoint
from aws.handler import Handler
from aws.screenings_table import Screenings
from drift.message import message
from drift.rules import Counted, count_day
from drift.samples import ask_samples, compare
from drift.source import Reviews, films_of
from drift.state import Signal, State, read_state, shown, write_state
from screening.clock import now
from screening.config import ENDPOINT_NAME, NAMESPACE, STACK, TABLE, TOPIC, Variable
from screening.refusals import TryAgain

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "drift"  # template.yaml's alarms select the metrics by this name
FIRST_DAYS = 56  # before the first run: the eight weeks that the medians are taken from
SETTLED = timedelta(hours=1)  # after the end of a day, since the index is slightly behind the table
SPARE_MILLISECONDS = 120_000  # for one more day with 35,000 films

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


@dataclass(frozen=True)
class Config:
    stack_name: Annotated[str, Variable(STACK, "the name of a CloudFormation stack")]
    endpoint_name: Annotated[str, Variable(ENDPOINT_NAME, "the name of a SageMaker endpoint")]
    screenings_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    drift_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    operations_topic_arn: Annotated[str, Variable(TOPIC, "the ARN of an SNS topic")]
    reviews_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")] = ""


@dataclass
class _Run:
    """One run: the state after each day, and the figures for the metrics."""

    table: DriftTable
    kept: Kept | None
    state: State
    changed_samples: int = 0

    def write(self, state: State) -> None:
        self.table.write(self.kept, write_state(state), shown(state), state.through)
        asked = self.kept.asked if self.kept else ""
        self.kept = Kept("", "", state.through, asked)
        self.state = state


def make_handler(
    config: Config, clients: DriftClients, clock: Callable[[], datetime] = now
) -> Handler[None]:
    """Return the Lambda handler for the schedule."""
    screenings = Screenings(clients.dynamodb, config.screenings_table)
    reviews = Reviews(clients.dynamodb, config.reviews_table)
    endpoint = Endpoint(clients.endpoint, config.endpoint_name)
    table = DriftTable(clients.dynamodb, config.drift_table)
    metrics.set_default_dimensions(stack=config.stack_name)

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> None:
        at = clock()
        run = _begin(table, at)
        days = list(_days(run.state.through, at))
        try:
            for number, day in enumerate(days):
                if number and context.get_remaining_time_in_millis() < SPARE_MILLISECONDS:
                    break
                _count(run, day, is_last=day == days[-1])
            _measure(run.state, days, run.changed_samples)
            _tell(run)
        except Overtaken:
            logger.info("Another run has counted the day")

    def _count(run: _Run, day: str, *, is_last: bool) -> None:
        counted = Counted(day, list(films_of(screenings, day)), list(reviews.of_day(day)))
        before: State = run.state
        signals: Sequence[Signal] = _of_samples(run.state.signals)
        if is_last:
            before, signals = _ask(run)
        run.write(count_day(before, counted, signals))
        names = sorted({each.name.partition(":")[0] for each in run.state.signals})
        logger.info("Counted", day=day, films=len(counted.films), signals=names)

    def _ask(run: _Run) -> tuple[State, Sequence[Signal]]:
        """Return the state with the first answers for the samples, and the samples' signals."""
        state = run.state
        try:
            answered = ask_samples(endpoint)
        except TryAgain as failure:  # the endpoint has its own alarms
            logger.warning("The sample films could not be classified", error=str(failure))
            return state, _of_samples(state.signals)
        signals, run.changed_samples = compare(answered, state.samples, state.samples_of)
        if not state.samples or state.samples_of != answered.network:
            state = replace(state, samples=answered.answers, samples_of=answered.network)
        return state, signals

    def _tell(run: _Run) -> None:
        """Send one message if there are signals that the last message did not contain."""
        names = [each.name for each in run.state.signals]
        if set(names) == set(run.state.told):
            return
        new = [each for each in run.state.signals if each.name not in run.state.told]
        if new:
            subject, text = message(config.stack_name, run.state, new)
            clients.sns.publish(TopicArn=config.operations_topic_arn, Subject=subject, Message=text)
        run.write(replace(run.state, told=names))

    return handler


def _begin(table: DriftTable, at: datetime) -> _Run:
    kept = table.read()
    if kept and kept.state:
        state = read_state(kept.state)
    else:
        state = State(through=(at - SETTLED - timedelta(days=FIRST_DAYS + 1)).date().isoformat())
    if kept and kept.asked != state.asked:
        state = replace(state, reference=None, samples={}, samples_of="", asked=kept.asked)
    return _Run(table, kept, state)


def _days(through: str, at: datetime) -> Iterator[str]:
    """Yield the complete days after `through`."""
    day, today = date.fromisoformat(through), (at - SETTLED).date()
    while (day := day + timedelta(days=1)) < today:
        yield day.isoformat()


def _of_samples(signals: Sequence[Signal]) -> list[Signal]:
    return [each for each in signals if each.name.startswith("samples")]


def _measure(state: State, days: Sequence[str], changed_samples: int) -> None:
    behind = sum(day > state.through for day in days)
    metrics.add_metric("DriftDaysBehind", MetricUnit.Count, behind)
    metrics.add_metric("DriftSignals", MetricUnit.Count, len(state.signals))
    if not days or not state.history:
        return
    last = state.history[-1]
    metrics.add_metric("SampleFilmsChanged", MetricUnit.Count, changed_samples)
    if last.positive is not None:
        metrics.add_metric("SharePositive", MetricUnit.NoUnit, last.positive)
    if last.refused is not None:
        metrics.add_metric("ShareRefused", MetricUnit.NoUnit, last.refused)
    if last.distance is not None:
        metrics.add_metric("ProbabilityDistance", MetricUnit.NoUnit, last.distance)
