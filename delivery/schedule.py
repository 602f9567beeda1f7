"""Check on a schedule which results have arrived in the PACS, while others are delivered."""

import logging
import threading
from collections.abc import Sequence

from aws.errors import AWS_ERRORS, name_of
from aws.queue import Queue
from aws.screenings_table import Screenings
from delivery.arrivals import Missing, missing, span
from delivery.destination import Away, Refused
from delivery.metrics import Metrics
from delivery.settings import Arrivals, Settings
from delivery.setup import client, identities
from delivery.web import WebClient
from screening.clock import now
from screening.errors import Mistake
from screening.result import written

_LAST_SECONDS = 5.0

logger = logging.getLogger("delivery")


def look(settings: Settings, days: int | None = None) -> list[Missing]:
    """Return missing results; raises Mistake, Away, Refused and AWS's own errors."""
    if settings.dicomweb is None:
        raise Mistake("The PACS is asked by QIDO-RS, which needs [dicomweb] in the configuration.")
    asked = settings.arrivals or Arrivals()
    within = span(now(), days or asked.days, asked.grace_minutes)
    screenings = Screenings(client("dynamodb"), settings.aws.table)
    kept = identities(settings)
    return list(
        missing(WebClient(settings.dicomweb), screenings, within, kept.derived if kept else None)
    )


def deliver_anew(settings: Settings, found: Sequence[Missing]) -> int:
    """Put the missing results into the queue again; return their number."""
    again = [written(each.request) for each in found if each.request]
    Queue(lambda: client("sqs"), settings.aws.queue).send(again)
    return len(again)


class Schedule:
    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        if self.settings.arrivals:
            self._thread.start()

    def stop(self) -> None:
        """End after the current question, and wait a moment for that."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        asked = self.settings.arrivals or Arrivals()
        while not self._ended.wait(asked.every_minutes * 60):
            try:
                found = look(self.settings)
                again = deliver_anew(self.settings, found) if asked.deliver_anew else 0
            except (Away, Refused) as error:
                logger.warning("The PACS could not be asked which results have arrived: %s.", error)
            except AWS_ERRORS as error:
                logger.warning("The results in the PACS could not be compared: %s.", name_of(error))
            except Exception as error:  # noqa: BLE001 - the next time may go well
                logger.warning(
                    "It is unknown which results have arrived: %s.", type(error).__name__
                )
            else:
                logger.info("%d results missing in the PACS, %d sent again.", len(found), again)
                self.metrics.count("ResultsMissing", len(found))
