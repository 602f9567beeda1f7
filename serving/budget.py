"""A bound on the memory that requests hold together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """Amounts that are lent while there is enough left, first come, first served."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._turn = asyncio.Lock()
        self._returned = asyncio.Event()

    @asynccontextmanager
    async def hold(self, amount: int) -> AsyncIterator[None]:
        """Wait until `amount` is left, and hold it; it must not be more than the total."""
        async with self._turn:
            while self._left < amount:
                self._returned.clear()
                await self._returned.wait()
            self._left -= amount
        try:
            yield
        finally:
            self._left += amount
            self._returned.set()
