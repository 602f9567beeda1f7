"""The words and figures of a result."""

from dataclasses import replace
from decimal import Decimal

import pytest

from results.wording import comments, shown
from screening.facts import OLDER_CHILD_NOTE, Facts
from screening.judgement import Finding
from screening.precision import LocalPrecision, sentence
from tests.results import EARLIER, RECORDS, record


@pytest.mark.parametrize(
    ("probability", "cutoff", "said"),
    [
        ("0.873412", "0.1", ("87.3 %", "10 %")),
        ("0.099999", "0.1", ("9.9 %", "10 %")),
        ("0.1", "0.1", ("10.0 %", "10 %")),
        ("0.999999", "0.5", ("99.9 %", "50 %")),
        ("1", "0.5", ("100.0 %", "50 %")),
        ("0.123449", "0.12345", ("12.344 %", "12.345 %")),
        ("0.000001", "0.1", ("0.0 %", "10 %")),
    ],
)
def test_a_probability_never_looks_as_if_it_were_across_the_cutoff(
    probability: str, cutoff: str, said: tuple[str, str]
) -> None:
    judgement = replace(EARLIER, probability=Decimal(probability), cutoff=Decimal(cutoff))
    assert shown(judgement) == said


def test_a_rejected_film_has_no_probability() -> None:
    assert shown(RECORDS["rejected"].judgement) is None


def test_local_precision_is_shown_from_fifty_reviews_on() -> None:
    said = "Here, 41 of the last 50 such alerts were confirmed, 69 to 90 %."
    assert sentence(LocalPrecision(41, 50, 0.69, 0.902)) == said
    assert sentence(LocalPrecision(41, 49, 0.69, 0.902)) is None
    assert sentence(None) is None


def test_an_older_child_is_noted() -> None:
    facts = Facts("DX", "as it is", age="010Y")
    assert OLDER_CHILD_NOTE in comments(record(Finding.NORMAL, facts=facts), None)


def test_a_replaced_result_is_named_by_its_time() -> None:
    said = comments(RECORDS["rescreened"], None)
    assert "It replaces the result NORMAL of 2026-11-20 08:00 UTC." in said
