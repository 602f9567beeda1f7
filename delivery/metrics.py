"""Counters for CloudWatch, sent once a minute; results are delivered even without CloudWatch."""

import logging
import threading
import time
from collections import Counter
from typing import Any

from aws.errors import AWS_ERRORS, name_of
from screening.config import NAMESPACE

_EVERY_SECONDS = 60.0
SERVICE = "send"

logger = logging.getLogger("delivery")


class Metrics:
    """Safe to call from any thread."""

    def __init__(self, cloudwatch: Any, stack: str) -> None:  # noqa: ANN401 - the checks have no types
        self._cloudwatch = cloudwatch
        self._dimensions = [
            {"Name": "service", "Value": SERVICE},
            {"Name": "stack", "Value": stack},
        ]
        self._counts: Counter[str] = Counter()
        self._sent = time.monotonic()
        self._lock = threading.Lock()

    def count(self, name: str, count: int = 1) -> None:
        with self._lock:
            self._counts[name] += count

    def send(self, *, now: bool = False) -> None:
        """Send the collected counts if they are due.

        They are dropped if CloudWatch does not take them.
        """
        with self._lock:
            if not self._counts or (not now and time.monotonic() - self._sent < _EVERY_SECONDS):
                return
            counts, self._counts, self._sent = self._counts, Counter(), time.monotonic()
        data = [
            {"MetricName": name, "Dimensions": self._dimensions, "Value": count, "Unit": "Count"}
            for name, count in counts.items()
        ]
        try:
            self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        except AWS_ERRORS as error:
            logger.warning("CloudWatch did not accept the metrics: %s.", name_of(error))
