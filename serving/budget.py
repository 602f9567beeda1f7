"""A bound on the memory that requests hold together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Grow = Callable[[int], Awaitable[None]]


class Budget:
    """Bytes lent as they arrive, so that a client holds up others only by what it has sent.

    A part is kept in reserve and lent, when the rest is out, to one holder at a time, who needs
    no more after that: or holders that wait for each other would wait for ever.
    """

    def __init__(self, total: int, reserve: int) -> None:
        """Lend `total`; `reserve` of it is the most that one holder can come to need."""
        self._left = total - reserve
        self._reserve_is_lent = False
        self._returned = asyncio.Event()

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[Grow]:
        """Yield what waits until so many bytes more are lent; all return in the end."""
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
