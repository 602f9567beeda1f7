"""A proxy between the function and each service that it calls, which injects faults.

The SDK's `AWS_ENDPOINT_URL_<SERVICE>` directs the function to it, with one port per service.
Requests are forwarded unchanged, with the Host that their signature covers, so the real service
checks and answers all requests without a fault.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs

SERVICES = ("s3", "sagemaker_runtime", "dynamodb", "sns", "sqs")
PATIENCE = 60  # seconds, for a service to answer and for a client to give up


@dataclass(frozen=True)
class Reply:
    """The function's answer; with `sent` fewer bytes than promised, the connection is cut there.

    With a `trickle`, that many seconds pass between two bytes.
    """

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    sent: int | None = None
    trickle: float = 0


@dataclass(frozen=True)
class Exchange:
    """One request of the function; a fault may forward it to the service or not."""

    operation: str
    body: bytes
    path: str
    forward: Callable[[], Reply]
    wait_until_given_up: Callable[[], None]


# Returns what the function gets instead; None hangs up without a word.
Act = Callable[[Exchange], Reply | None]


def operation(service: str, method: str, headers: Message, body: bytes) -> str:
    """Return the API's name for a request, e.g. PutItem."""
    if target := headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    if service == "sns":
        return parse_qs(body.decode())["Action"][0]
    if service == "s3":
        return {"GET": "GetObject", "PUT": "PutObject"}.get(method, method)
    return "InvokeEndpoint"


class Proxy:
    """Listens on loopback; `upstream` has each service's port, once that is known."""

    def __init__(self) -> None:
        self.upstream: dict[str, int] = {}
        self.answered: Counter[str] = Counter()  # by operation
        self._acts: dict[str, Act] = {}
        self._servers = {service: self._listen(service) for service in SERVICES}

    @property
    def environment(self) -> dict[str, str]:
        return {
            f"AWS_ENDPOINT_URL_{service.upper()}": f"http://127.0.0.1:{server.server_port}"
            for service, server in self._servers.items()
        }

    @contextlib.contextmanager
    def fault(self, operation: str, act: Act) -> Iterator[list[Exchange]]:
        """Inject a fault into every request of one operation; yields the affected requests."""
        met: list[Exchange] = []

        def noted(exchange: Exchange) -> Reply | None:
            met.append(exchange)
            return act(exchange)

        self._acts[operation] = noted
        try:
            yield met
        finally:
            del self._acts[operation]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def _listen(self, service: str) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(service))
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def _handler(proxy, service: str) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                name = operation(service, self.command, self.headers, body)
                exchange = Exchange(
                    name, body, self.path, lambda: self._forward(body), self._wait_until_given_up
                )
                act = proxy._acts.get(name)
                self._answer(act(exchange) if act else exchange.forward())
                proxy.answered[name] += 1

            do_POST = do_GET  # noqa: N815 - the base class looks for these names
            do_PUT = do_GET  # noqa: N815
            do_HEAD = do_GET  # noqa: N815

            def _forward(self, body: bytes) -> Reply:
                port = proxy.upstream[service]
                service_side = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                try:
                    service_side.putrequest(self.command, self.path, True, True)
                    for name, value in self.headers.items():
                        service_side.putheader(name, value)
                    service_side.endheaders(body)
                    answer = service_side.getresponse()
                    dropped = ("transfer-encoding", "connection", "content-length")
                    headers = [
                        each for each in answer.getheaders() if each[0].lower() not in dropped
                    ]
                    return Reply(answer.status, answer.read(), headers)
                finally:
                    service_side.close()

            def _wait_until_given_up(self) -> None:
                self.connection.settimeout(PATIENCE)
                with contextlib.suppress(OSError):
                    self.connection.recv(1)

            def _answer(self, reply: Reply | None) -> None:
                if reply is None:
                    self.close_connection = True
                    with contextlib.suppress(OSError):
                        self.connection.shutdown(socket.SHUT_RDWR)
                    return
                with contextlib.suppress(ConnectionError):
                    self.send_response_only(reply.status)
                    for name, value in reply.headers:
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(reply.body)))
                    self.end_headers()
                    if reply.trickle:
                        for byte in reply.body:
                            self.wfile.write(bytes([byte]))
                            time.sleep(reply.trickle)
                    else:
                        self.wfile.write(reply.body[: reply.sent])
                if reply.sent is not None:
                    self.close_connection = True

            def handle_one_request(self) -> None:
                # A service that is down, or a function that was killed, is a line that is cut.
                try:
                    super().handle_one_request()
                except (OSError, http.client.HTTPException):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler
