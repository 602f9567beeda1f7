"""The server process: its options, network and port, and its start and stop."""

import argparse
import logging
import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from serving.app import make_app
from serving.memory import return_freed_memory
from serving.network import BadNetwork, Network
from serving.protocol import BoundedProtocol

KEEP_ALIVE_SECONDS = 90  # longer than proxies do: they answer 5xx if we close one
GRACE_SECONDS = 20  # SageMaker kills 30 s after its SIGTERM


class _CannotStart(Exception):
    """The server can't start; the message says what is wrong and what to do."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    parser.add_argument(
        "--model", type=Path, required=True, help="the network, an ONNX file or its folder"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="port; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--user-id", type=int, metavar="N", help="user to continue as, if root starts it"
    )


def run(
    options: argparse.Namespace, before: Callable[[ASGIApp], ASGIApp] = lambda container: container
) -> int:
    """Serve until asked to stop; a user's mistake is one sentence and exit status 2.

    `before` may put an application in front of the container's.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # Warnings about a film's metadata do not concern the operator.
    warnings.filterwarnings("ignore", module="PIL")
    return_freed_memory()
    threads = _cores()
    try:
        with _bind(options.host, options.port) as listener:
            network = Network(_network_file(options.model), threads)
            if options.user_id is not None:
                _give_up_root(options.user_id)
            config = uvicorn.Config(
                before(make_app(network, threads)),
                http=BoundedProtocol,
                lifespan="off",
                ws="none",
                access_log=False,
                log_config=None,
                log_level="warning",
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
            listener.listen()  # from here on clients may connect, as the next line says
            host, port = listener.getsockname()[:2]
            logging.info("Serving %s on http://%s:%d", network.name, host, port)
            uvicorn.Server(config).run(sockets=[listener])
    except (_CannotStart, BadNetwork) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _give_up_root(user_id: int) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(user_id)
        os.setuid(user_id)


def _network_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.onnx"))
    if len(found) != 1:
        raise _CannotStart(f"{path} must hold one ONNX file, the network; it holds {len(found)}.")
    return found[0]


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system can restrict a process to some of its cores
        return os.cpu_count() or 1


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Asyncio sends small answers without delay only on sockets that name their protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or "there is no such port"
        raise _CannotStart(
            f"Can't listen on {host} port {port}: {reason}. Choose another with --host or --port."
        ) from error
    return listener


def _stop(signum: int, frame: FrameType | None) -> None:
    sys.exit(0)
