"""A limit on the memory that all requests hold together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Grow = Callable[[int], Awaitable[None]]


class Budget:
    """A memory budget for uploads; a client holds only as many bytes as it has sent.

    A part is reserved. When the rest is in use, one client at a time gets the reserve, which is
    enough for its whole upload; otherwise clients could wait for each other for ever.
    """

    def __init__(self, total: int, reserve: int) -> None:
        """Lend up to `total`; one holder may need up to `reserve` of it."""
        self._left = total - reserve
        self._reserve_is_lent = False
        self._returned = asyncio.Event()

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[Grow]:
        """Yield a function that waits until it can lend that many more bytes.

        All are returned at the end.
        """
        held, from_reserve = 0, False

        async def grow(amount: int) -> None:
            nonlocal held, from_reserve
            while not from_reserve:
                if self._left >= amount:
                    self._left -= amount
                    held += amount
                    return
                if not self._reserve_is_lent:
                    self._reserve_is_lent = from_reserve = True
                    return
                self._returned.clear()
                await self._returned.wait()

        try:
            yield grow
        finally:
            self._left += held
            if from_reserve:
                self._reserve_is_lent = False
            self._returned.set()
