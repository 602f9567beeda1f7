"""An endpoint that takes a few films at once and refuses others, like a serverless one."""

import threading
import time

from tests.faults.faults import error
from tests.faults.proxy import Exchange, Reply

_throttled = error(400, "ThrottlingException")


class Throttle:
    """Each film takes `seconds`; the answers are the network's own."""

    def __init__(self, at_once: int, seconds: float = 0.0) -> None:
        self._free = threading.Semaphore(at_once)
        self._seconds = seconds
        self.turned_away = 0

    def __call__(self, exchange: Exchange) -> Reply | None:
        if not self._free.acquire(blocking=False):
            self.turned_away += 1
            return _throttled(exchange)
        try:
            began = time.monotonic()
            reply = exchange.forward()
            time.sleep(max(0.0, began + self._seconds - time.monotonic()))
            return reply
        finally:
            self._free.release()
