"""A time limit for a whole call; a socket's own limit starts again with every byte received."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")


def within(seconds: float, call: Callable[[], _T]) -> _T:
    """Return what `call` returns, or raise TimeoutError once it has taken `seconds`.

    A call that takes longer continues in a thread of its own until the connection closes; its
    result is discarded.
    """
    result: Future[_T] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:  # noqa: BLE001 - handed to the caller as it is
            result.set_exception(error)

    Thread(target=run, daemon=True).start()
    return result.result(seconds)
