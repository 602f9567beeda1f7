"""HTTP with limits on the size and the time of headers, which uvicorn does not have."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10
LARGEST_HEADERS = 64 * 2**10  # bytes; SageMaker's are below 8 kB
FIRST_BYTE_SECONDS = 90  # the time that an idle connection is kept


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose headers are too large or do not arrive in time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **options)
        self._headers_due: asyncio.TimerHandle | None = None
        self._header_bytes: int | None = None  # None: not reading headers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers(FIRST_BYTE_SECONDS)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        self._expect_headers(HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._header_bytes is not None:
            self._header_bytes += len(data)
            if self._header_bytes > LARGEST_HEADERS:
                self.transport.close()

    def on_headers_complete(self) -> None:
        self._header_bytes = None
        self._expect_nothing()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect_headers(self, seconds: float) -> None:
        self._expect_nothing()
        self._headers_due = self.loop.call_later(seconds, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None
