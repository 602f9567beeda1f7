"""Bounds on the receiver's connections: which ones it keeps, and which it ends.

A new connection waits until it is admitted, and costs only a waiting place. A new one is always
accepted; if too many wait, the oldest one of the peer with the most connections is ended. An
admitted association has a place of its own, and keeps it while a film is being sent; an idle one is
ended when its place is needed.
"""

import contextlib
import logging
import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

WAITING = 64
WAITING_PER_PEER = 16
ADMITTED = 32
ADMITTED_PER_PEER = 12
GRACE_SECONDS = 5.0  # an association idle for less may be about to send its next film
IDLE_SECONDS = 60.0
FILM_SECONDS = 300.0

logger = logging.getLogger("intake")


@dataclass(eq=False)
class Connection:
    """One peer's connection; `deadline` and `idle_since` are times of the monotonic clock."""

    peer: str
    socket: socket.socket
    sender: str = ""  # the AE title, once it is known to be allowed
    deadline: float = math.inf
    idle_since: float = field(default_factory=time.monotonic)
    reported: bool = False
    gone: bool = False  # nothing more will arrive or be read
    entered: float = field(default_factory=time.monotonic)

    def begin_film(self) -> None:
        self.idle_since, self.deadline = math.inf, time.monotonic() + FILM_SECONDS

    def film_is_whole(self) -> None:
        self.deadline = math.inf

    def become_idle(self) -> None:
        self.idle_since = time.monotonic()
        self.deadline = self.idle_since + IDLE_SECONDS

    def say(self, reason: str) -> None:
        """Log once why the peer is refused; reasons contain nothing that it sent."""
        if not self.reported:
            self.reported = True
            who = f"{self.peer} ({self.sender})" if self.sender else self.peer
            logger.warning("Refused %s: %s.", who, reason)

    def end(self, reason: str) -> None:
        """Close the connection; log why."""
        self.say(reason)
        self.gone = True
        # The plain socket's method: the TLS socket's would discard state that other threads use.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class Places:
    """All connections of a receiver; safe to call from any thread."""

    def __init__(self) -> None:
        self._waiting: list[Connection] = []
        self._admitted: list[Connection] = []
        self._closed = False
        self._lock = threading.Lock()

    def enter(self, connection: Connection) -> None:
        """Let a new connection wait for admission; end the oldest one if too many wait."""
        with self._lock:
            self._waiting.append(connection)
            per_peer = Counter(each.peer for each in self._waiting)
            peer = connection.peer
            if len(self._waiting) > WAITING:
                peer = max(per_peer, key=lambda each: per_peer[each])
            elif per_peer[peer] <= WAITING_PER_PEER:
                peer = ""
            oldest = next((each for each in self._waiting if each.peer == peer), None)
            if oldest:
                self._waiting.remove(oldest)
            closed = self._closed
        if oldest:
            oldest.end("too many of its connections had sent no request yet")
        if closed:
            connection.end("the receiver is stopping")

    def admit(self, connection: Connection) -> bool:
        """Give the connection a place, ending an idle one if necessary.

        Return whether it has one.
        """
        with self._lock:
            of_peer = [each for each in self._admitted if each.peer == connection.peer]
            longest_idle = None
            if len(of_peer) >= ADMITTED_PER_PEER or len(self._admitted) >= ADMITTED:
                full = len(of_peer) >= ADMITTED_PER_PEER
                longest_idle = _longest_idle(of_peer if full else self._admitted)
                if longest_idle is None:
                    return False
                self._admitted.remove(longest_idle)
            if connection in self._waiting:
                self._waiting.remove(connection)
            connection.become_idle()
            self._admitted.append(connection)
        if longest_idle:
            longest_idle.end("its association was idle and its place was needed")
        return True

    def leave(self, connection: Connection) -> None:
        with self._lock:
            for places in (self._waiting, self._admitted):
                if connection in places:
                    places.remove(connection)

    def close(self) -> None:
        """End all connections, and every later one."""
        with self._lock:
            self._closed = True
            left = [*self._waiting, *self._admitted]
        for connection in left:
            connection.end("the receiver is stopping")


def _longest_idle(connections: Iterable[Connection]) -> Connection | None:
    since = time.monotonic() - GRACE_SECONDS
    return min(
        (each for each in connections if each.idle_since <= since),
        key=lambda each: each.idle_since,
        default=None,
    )
