import asyncio

from serving.budget import Budget


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_request_for_more_than_is_left_gets_the_reserve_and_the_next_one_waits() -> None:
    async def scenario() -> None:
        budget = Budget(30, reserve=10)
        async with budget.hold() as first, budget.hold() as second:
            await first(15)
            await second(6)  # of the reserve
            await second(4)
            third = asyncio.create_task(_hold(budget, 6))
            await settle()
            assert not third.done()
        await third

    asyncio.run(scenario())


def test_holders_that_all_need_more_end_one_after_the_other() -> None:
    async def scenario() -> None:
        budget = Budget(30, reserve=10)
        async with asyncio.timeout(10):
            await asyncio.gather(*(_hold(budget, *[1] * 10) for _ in range(50)))
        async with budget.hold() as grow:
            await grow(20)  # all of it has returned

    asyncio.run(scenario())


def test_a_holder_that_waits_for_nothing_holds_up_nobody() -> None:
    async def scenario() -> None:
        budget = Budget(30, reserve=10)
        async with budget.hold() as first, budget.hold() as second, budget.hold() as third:
            for slow in (first, second, third):
                await slow(1)
            async with asyncio.timeout(10):
                await _hold(budget, 10)

    asyncio.run(scenario())


def test_a_request_that_stops_waiting_holds_nothing() -> None:
    async def scenario() -> None:
        budget = Budget(30, reserve=10)
        async with budget.hold() as first, budget.hold() as second:
            await first(20)
            await second(1)
            waiting = asyncio.create_task(_hold(budget, 1))
            await settle()
            waiting.cancel()
            await settle()
        async with asyncio.timeout(10), budget.hold() as grow:
            await grow(20)

    asyncio.run(scenario())


async def _hold(budget: Budget, *amounts: int) -> None:
    async with budget.hold() as grow:
        for amount in amounts:
            await grow(amount)
            await asyncio.sleep(0)
