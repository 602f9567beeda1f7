"""The bill: it counts the templates' resources, and the page shows its output."""

import pytest

from benchmarks import bill
from tests.unit.templates import Template, metrics_of, read
from training.sagemaker.prices import read_prices

STACKS = [
    read("template.yaml"),
    read("functions/worklist/template.yaml"),
    read("functions/publish/template.yaml"),
]
APPLICATION = STACKS[0]


def events(template: Template, kind: str) -> list[str]:
    return [
        name
        for name in template.of_type("AWS::Serverless::Function")
        for event in template.properties(name).get("Events", {}).values()
        if event["Type"] == kind
    ]


def test_the_bill_covers_every_alarms_metrics_and_every_polled_queue() -> None:
    alarms = [
        template.properties(name)
        for template in STACKS
        for name in template.of_type("AWS::CloudWatch::Alarm")
    ]
    # A query counts as one.
    assert sum(max(1, len(metrics_of(alarm))) for alarm in alarms) == bill.ALARM_METRICS
    assert sum(len(events(template, "SQS")) for template in STACKS) == bill.POLLED_QUEUES


def test_the_page_has_the_bill_that_is_printed() -> None:
    _, shown, _ = bill.parts(bill.DOCUMENT.read_text())
    assert shown == bill.table(), "run `python -m benchmarks.bill --report`"


def test_every_line_names_the_page_of_its_price() -> None:
    prices = read_prices()
    for line in [*bill.lines(prices), *bill.endpoints(prices), bill.dicom(prices)]:
        assert prices["pages"][line.page].startswith("https://aws.amazon.com/")
        assert line.price


def test_fixed_costs_are_the_same_without_a_film_and_others_are_zero() -> None:
    prices = read_prices()
    nothing = bill.Case(films=0, months=0)
    fixed = [line.what for line in bill.lines(prices) if line.dollars(nothing) > 0.1]
    assert [what.split()[0] for what in fixed] == [
        "encryption",
        "requests",
        "alarms",
        "up",
        "polling",
    ]
    assert sum(line.dollars(nothing) for line in bill.lines(prices)) == pytest.approx(11, abs=1)


def test_reconcile_follows_the_day_and_not_the_bucket() -> None:
    _, reads = bill.reconciled(films_a_day=33_000, kept=1e6)
    pages, later = bill.reconciled(films_a_day=33_000, kept=1e8)
    assert pages <= 24 * 1000
    assert later < reads
