"""Films that fail at present, from the lines of the log."""

from typing import Any

from cxr_alert.operate.failing import Failing, _failing

BUSY = "The endpoint is busy: 429."
GONE = "The endpoint did not answer: EndpointConnectionError."


def failed(film: str, tries: int, error: str = GONE) -> dict[str, Any]:
    return {"message": "Message failed", "film": film, "tries": tries, "error": error}


def test_films_that_failed_and_were_not_screened_since_are_failing() -> None:
    assert _failing(
        [
            (1_000, failed("a", 1)),
            (2_000, {"film": "a", "finding": "NORMAL"}),
            (3_000, failed("b", 1)),
            (4_000, failed("c", 1)),
            (5_000, failed("b", 2, BUSY)),
            (6_000, {"message": "Message ignored", "message_id": "x"}),
            (7_000, failed(None, 1)),  # type: ignore[arg-type]
        ]
    ) == Failing(films=2, since="1970-01-01T00:00:03.000Z", tries=2, cause=BUSY)


def test_without_a_failure_nothing_is_failing() -> None:
    assert _failing([]) is None
    assert _failing([(1_000, failed("a", 1)), (2_000, {"film": "a"})]) is None
