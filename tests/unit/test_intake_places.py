"""The connections that are ended if there are too many."""

import socket
import time
from collections.abc import Iterator

import pytest

from intake.places import (
    ADMITTED,
    ADMITTED_PER_PEER,
    GRACE_SECONDS,
    WAITING,
    WAITING_PER_PEER,
    Connection,
    Places,
)


@pytest.fixture
def pair() -> Iterator[socket.socket]:
    one, other = socket.socketpair()
    with one, other:
        yield one


def test_the_newest_of_a_peer_waits_and_its_oldest_is_ended(pair: socket.socket) -> None:
    places = Places()
    other = Connection("b", pair)
    places.enter(other)
    waiting = [Connection("a", pair) for _ in range(WAITING_PER_PEER + 3)]
    for each in waiting:
        places.enter(each)
    assert [each.gone for each in waiting] == [True] * 3 + [False] * WAITING_PER_PEER
    assert not other.gone


def test_many_peers_that_wait_end_the_oldest_of_the_peer_that_has_most(pair: socket.socket) -> None:
    places = Places()
    several = [Connection("several", pair) for _ in range(3)]
    single = [Connection(str(number), pair) for number in range(WAITING - 2)]
    for each in (*several, *single):
        places.enter(each)
    assert [each.gone for each in several] == [True, False, False]
    assert not any(each.gone for each in single)


def admitted(places: Places, peer: str, pair: socket.socket) -> Connection:
    connection = Connection(peer, pair)
    places.enter(connection)
    assert places.admit(connection)
    return connection


@pytest.mark.parametrize(
    ("peers", "most"),
    [(["a"] * ADMITTED_PER_PEER, ADMITTED_PER_PEER), (map(str, range(ADMITTED)), ADMITTED)],
)
def test_the_longest_idle_association_loses_its_place_and_never_one_that_sends(
    pair: socket.socket, peers: list[str], most: int
) -> None:
    places = Places()
    there = [admitted(places, peer, pair) for peer in peers]
    assert len(there) == most
    assert not places.admit(Connection("a", pair)), "all were busy a moment ago"
    for each in there:
        each.begin_film()
    assert not places.admit(Connection("a", pair))
    there[3].idle_since = time.monotonic() - GRACE_SECONDS - 1
    there[5].idle_since = time.monotonic() - GRACE_SECONDS - 2
    assert places.admit(Connection("a", pair))
    assert [each.gone for each in there].index(True) == 5
    places.leave(there[3])
    assert places.admit(Connection("a", pair))
    assert sum(each.gone for each in there) == 1


def test_a_waiting_connection_takes_no_place(pair: socket.socket) -> None:
    places = Places()
    for number in range(WAITING):
        places.enter(Connection(str(number % 8), pair))
    assert places.admit(Connection("a", pair))


def test_stopping_ends_all_connections(pair: socket.socket) -> None:
    places = Places()
    there = admitted(places, "a", pair)
    places.close()
    late = Connection("a", pair)
    places.enter(late)
    assert there.gone
    assert late.gone
