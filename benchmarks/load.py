"""Clients that post films to a container over persistent connections.

They share the machine with what they measure, so they do the minimum that HTTP needs.
"""

import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor


def seconds_each(port: int, films: Sequence[bytes]) -> list[float]:
    """Return the seconds of each film, one at a time."""
    taken = []
    with connect(port) as connection:
        for film in films:
            began = time.perf_counter()
            post(connection, film)
            taken.append(time.perf_counter() - began)
    return taken


def films_a_second(port: int, films: Sequence[bytes], clients: int) -> float:
    """Return the rate at which `clients` at once get answers; each takes the next film."""
    rest = iter(films)

    def client(connection: socket.socket) -> None:
        for film in rest:
            post(connection, film)

    connections = [connect(port) for _ in range(clients)]
    try:
        with ThreadPoolExecutor(clients) as pool:
            began = time.perf_counter()
            for _ in pool.map(client, connections):
                pass
            return len(films) / (time.perf_counter() - began)
    finally:
        for connection in connections:
            connection.close()


def post(connection: socket.socket, film: bytes) -> bytes:
    """Return the body of the answer for one film; any status other than 200 is a RuntimeError."""
    head = (
        "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
        f"Content-Length: {len(film)}\r\n\r\n"
    )
    connection.sendall(head.encode() + film)
    answer = _answer(connection)
    head_end = next(answer)
    if not head_end.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"The container answered {head_end[:200]!r}.")
    return next(answer)


def _answer(connection: socket.socket) -> Iterator[bytes]:
    """The head, then the body."""
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _receive(connection)
    head, body = received[:end], received[end + 4 :]
    yield head
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += _receive(connection)
    yield body


def _receive(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise RuntimeError("The container closed the connection.")
    return part


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
