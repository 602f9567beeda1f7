"""An empty AWS account on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer


@contextmanager
def aws_server() -> Iterator[str]:
    """The account's address."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # All moto servers of a process have one memory: an earlier test's account is still in it.
    with urlopen(Request(f"{url}/moto-api/reset", method="POST")):  # noqa: S310
        pass
    yield url
    server.stop()
