import asyncio

from serving.budget import Budget


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_who_asks_for_more_than_is_left_waits_for_its_return() -> None:
    async def scenario() -> None:
        budget = Budget(10)
        async with budget.hold(7):
            second = asyncio.create_task(_hold(budget, 4))
            await settle()
            assert not second.done()
        await second

    asyncio.run(scenario())


def test_a_large_amount_is_not_overtaken_for_ever_by_small_ones() -> None:
    async def scenario() -> None:
        budget = Budget(10)
        order: list[int] = []
        async with budget.hold(5):
            tasks = [asyncio.create_task(_hold(budget, amount, order)) for amount in (10, 1)]
            await settle()
            assert order == []
        await asyncio.gather(*tasks)
        assert order == [10, 1]

    asyncio.run(scenario())


def test_who_gives_up_waiting_takes_nothing_along() -> None:
    async def scenario() -> None:
        budget = Budget(10)
        async with budget.hold(10):
            waiting = asyncio.create_task(_hold(budget, 10))
            await settle()
            waiting.cancel()
            await settle()
        async with asyncio.timeout(10):
            await _hold(budget, 10)

    asyncio.run(scenario())


async def _hold(budget: Budget, amount: int, order: list[int] | None = None) -> None:
    async with budget.hold(amount):
        if order is not None:
            order.append(amount)
