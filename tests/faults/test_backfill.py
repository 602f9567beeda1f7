"""Rescreening with `cxr-alert rescreen` under faults."""

import os
import subprocess
import sys
import threading

from cxr_alert.local import manual, processes
from tests.e2e.application import POSITIVE
from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS
from tests.faults.faults import error, model_error, probabilities
from tests.faults.proxy import Exchange, Reply

MOST_AT_ONCE = 2  # the command's default
LINGER_SECONDS = 0.3  # of each question, so that one too many would be seen beside the others
NETWORK_MISSES = probabilities("[0.99, 0.01]")


def rescreen(cloud: BrokenCloud, *arguments: str) -> tuple[int, str]:
    """Run the command through the proxy; return status and output."""
    process = subprocess.run(
        [sys.executable, "-m", "cxr_alert", "rescreen", *arguments],
        cwd=processes.ROOT,
        env={**os.environ, **manual.settings(cloud.stack), **cloud.proxy.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return process.returncode, process.stdout


def drop(cloud: BrokenCloud, *keys: str) -> list[tuple[str, str]]:
    """Upload films that the network then misses."""
    with cloud.proxy.fault("InvokeEndpoint", NETWORK_MISSES):
        films = [cloud.ledger.drop(key, POSITIVE) for key in keys]
        cloud.settle()
    return films


def test_a_backfill_that_was_cut_short_can_be_run_again(cloud: BrokenCloud) -> None:
    """Kill the command between writing the positive and enqueuing its alert."""
    (film,) = drop(cloud, "again/cut-short.jpeg")
    with cloud.proxy.fault("SendMessageBatch", error(403, "AccessDenied")) as met:
        status, said = rescreen(cloud, film[0], "--alert")
    assert met
    assert status == 1
    assert said.splitlines()[-1].startswith("AWS refused SendMessageBatch (AccessDenied)")
    record = cloud.ledger.record(film)
    assert record
    assert record.alert == "PENDING"

    for _ in range(2):
        assert rescreen(cloud, film[0], "--alert")[0] == 0
        cloud.settle()
    cloud.ledger.collect()
    assert cloud.ledger.alerts[film] == cloud.ledger.told[film] == 1
    RESULTS.append(("backfill cut short", "alerted by the next run, once", "as expected"))


def test_a_backfill_does_not_outrun_the_endpoint(cloud: BrokenCloud) -> None:
    """An endpoint that fails once and refuses three films before it answers."""
    films = drop(cloud, *(f"again/throttled-{number}.jpeg" for number in range(6)))
    troubles = [model_error(500, "starting"), *[error(400, "ThrottlingException")] * 3]
    under_way: set[Exchange] = set()
    at_once: list[int] = []
    crowded, turn = threading.Event(), threading.Lock()

    def troubled(exchange: Exchange) -> Reply | None:
        under_way.add(exchange)
        at_once.append(len(under_way))
        if len(under_way) > MOST_AT_ONCE:
            crowded.set()
        crowded.wait(LINGER_SECONDS)
        under_way.remove(exchange)
        with turn:
            act = troubles.pop(0) if troubles else None
        return act(exchange) if act else exchange.forward()

    with cloud.proxy.fault("InvokeEndpoint", troubled):
        status, said = rescreen(cloud, "again/throttled-")
    assert status == 0, said
    assert "6  possible pneumonia without an alert" in said
    assert max(at_once) <= MOST_AT_ONCE
    assert not troubles
    cloud.ledger.collect()
    assert [cloud.ledger.alerts[film] for film in films] == [0] * len(films)

    assert rescreen(cloud, "again/throttled-", "--alert")[0] == 0
    cloud.settle()
    cloud.ledger.collect()
    assert [cloud.ledger.alerts[film] for film in films] == [1] * len(films)
    RESULTS.append(
        (
            "backfill against a throttling endpoint",
            "slows down, tries again; no alert unasked",
            "as expected",
        )
    )
