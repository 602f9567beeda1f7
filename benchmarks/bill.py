"""`python -m benchmarks.bill`: the cost of a month in AWS, line by line, by list prices.

It covers everything that the stacks use: the application, the worklist, the results' stack and the
endpoint, without free tiers. Prices and assumptions about films and functions are in
training/sagemaker/prices.toml. `--report` writes the table to docs/performance.md.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import costs
from benchmarks.inputs import ROOT
from training.sagemaker.prices import HOURS_A_MONTH, Prices, read_prices

DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- table of `python -m benchmarks.bill --report` -->", "<!-- end of the bill -->"

FILMS_A_MONTH = (100, 10_000, 1_000_000)
MONTHS_BEFORE = {"first month": 0, "after a year": 12}

# What the templates have; a test counts them there.
_STACKS = read_prices()["stacks"]
ALARM_METRICS = _STACKS["alarm_metrics"]
POLLED_QUEUES = _STACKS["polled_queues"]
HOURLY_METRICS = _STACKS["hourly_metrics"]
FILM_METRICS = 9  # written in the hours in which films come

KINDS = ("all, serverless", "all, on instances")

SLICE = 1_000_000  # versions that one run of `reconcile` lists
SHORT_DAYS, THOROUGH_DAYS = 2, 14
_SECONDS_A_MONTH = HOURS_A_MONTH * 3600
_GB = 1e-6  # of a kB


@dataclass(frozen=True)
class Case:
    """Films a month, for a number of months before this one."""

    films: int
    months: int

    @property
    def kept(self) -> float:
        """Return the average number of films in the bucket over the month."""
        return self.films * (self.months + 0.5)


@dataclass(frozen=True)
class Line:
    """One line of the bill; `page` is the key of the price's page in prices.toml."""

    what: str
    price: str
    page: str
    dollars: Callable[[Case], float]


def lines(prices: Prices) -> list[Line]:
    """Return all lines except the endpoint's."""
    p, load = prices["around"], prices["load"]
    positives, batch = load["positives"], 1 / load["films_a_batch"]

    def function(times: float, seconds: float, gigabytes: float) -> float:
        each = p["lambda_request"] + seconds * gigabytes * p["lambda_gb_second"]
        return float(times * each)

    def table(kept: float, kilobytes: float) -> float:
        """Return the lines of a table: items, index and backup."""
        month = 2 * p["dynamodb_gb_month"] + p["dynamodb_backup_gb_month"]
        return float(kept * kilobytes * _GB * month)

    def worklist(case: Case) -> float:
        changes = case.films * (1 + positives)
        looked_at = case.films * positives * load["review_requests"]
        return float(
            function(changes, 0.1, 0.25)
            + changes * 2 * p["dynamodb_read"]
            + changes * 2 * p["dynamodb_write"]
            + table(case.kept, load["entry_kb"])
            + looked_at * p["api_request"]
            + function(looked_at, 0.05, 1)
            + load["readers"] * p["reader_month"]
        )

    def results(case: Case) -> float:
        polls = 3 * 60 * HOURS_A_MONTH  # of one `send`
        invocations = function(case.films * (1 + positives), 0.1, 0.25)
        return float(invocations + (3 * case.films + polls) * p["sqs_request"])

    def logs(case: Case) -> float:
        written = case.films * load["log_kb"] * _GB
        return float(written * (p["log_gb"] + p["log_gb_month"]))

    def traces(case: Case) -> float:
        called = (batch * case.films, positives * case.films, *2 * ((1 + positives) * case.films,))
        return float(sum(_sampled(times) for times in called) * p["trace"])

    return [
        Line(
            "encryption key",
            "$1, and $1 for each of two yearly rotations",
            "kms",
            lambda case: p["kms_key_month"] * (1 + min(case.months // 12, 2)),
        ),
        Line(
            "requests to the key",
            "$0.03 for 10,000; queues, topics, tables keep data keys for minutes",
            "kms",
            lambda case: (60 * HOURS_A_MONTH + case.films / 100) * p["kms_request"],
        ),
        Line(
            f"alarms over {ALARM_METRICS} metrics",
            "$0.10 a metric",
            "cloudwatch",
            lambda _: ALARM_METRICS * p["alarm_metric_month"],
        ),
        Line(
            f"up to {HOURLY_METRICS + FILM_METRICS} metrics of the functions",
            "$0.30 a metric, by the hour",
            "cloudwatch",
            lambda case: (
                p["metric_month"]
                * (HOURLY_METRICS + FILM_METRICS * (1 - math.exp(-case.films / HOURS_A_MONTH)))
            ),
        ),
        Line(
            f"polling of {POLLED_QUEUES} queues",
            "$0.40 for a million requests",
            "sqs",
            lambda _: (
                POLLED_QUEUES * load["polls_a_minute"] * 60 * HOURS_A_MONTH * p["sqs_request"]
            ),
        ),
        Line(
            "`watch`, `remind`",
            "$0.20 for a million calls, $0.0000133 a GB-second",
            "lambda",
            lambda _: function(HOURS_A_MONTH, 2, 0.25) + function(4 * HOURS_A_MONTH, 1, 0.5),
        ),
        Line(
            "`reconcile`: listing, reads, time",
            "$0.005 for 1,000 pages, $0.0625 for a million reads",
            "s3",
            lambda case: _reconcile(case, prices),
        ),
        Line(
            f"films kept, {load['film_mb']} MB each",
            "$0.023 a GB",
            "s3",
            lambda case: case.kept * load["film_mb"] / 1000 * p["s3_gb_month"],
        ),
        Line(
            "uploads and reads of films",
            "$0.005 for 1,000, $0.0004 for 1,000",
            "s3",
            lambda case: case.films * (p["s3_put"] + p["s3_get"]),
        ),
        Line(
            "events",
            "$1.00 for a million",
            "events",
            lambda case: case.films * p["events_event"],
        ),
        Line(
            "messages in queues",
            "$0.40 for a million requests",
            "sqs",
            lambda case: case.films * (1 + 2 * batch + 3 * positives) * p["sqs_request"],
        ),
        Line(
            "`classify`",
            "$0.20 for a million calls, $0.0000133 a GB-second",
            "lambda",
            lambda case: function(
                case.films * batch, load["function_seconds"] / batch, p["lambda_gb"]
            ),
        ),
        Line(
            "records: reads, writes, storage, backup",
            "$0.125, $0.625 for a million; $0.25, $0.20 a GB",
            "dynamodb",
            lambda case: (
                case.films * (p["dynamodb_read"] + 2 * (1 + positives) * p["dynamodb_write"])
                + table(case.kept, load["record_kb"])
            ),
        ),
        Line(
            "alerts, at most one mail each",
            "$0.50 for a million, $2.00 for 100,000 mails",
            "sns",
            lambda case: case.films * positives * (2 * p["sns_publish"] + p["sns_mail"]),
        ),
        Line(
            f"worklist, {load['readers']} readers",
            "$1.00 for a million requests; Lambda and DynamoDB as above; $0.015 a reader",
            "api",
            worklist,
        ),
        Line("results' queue", "Lambda and SQS as above", "sqs", results),
        Line("logs, kept for 30 days", "$0.50 and $0.03 a GB", "cloudwatch", logs),
        Line(
            "traces: the first of each second, 5 % of the others",
            "$5.00 for a million",
            "xray",
            traces,
        ),
    ]


def endpoints(prices: Prices) -> list[Line]:
    """Return the costs of the two kinds of endpoint; an application has one of them."""
    price, load = prices["endpoint"], prices["load"]
    speed = costs.Speed(0, price["serverless_film_seconds"])
    hour = prices["instance_hour"][price["instance"]]

    def instances(case: Case) -> float:
        count = costs.instances(
            case.films // load["days_a_month"] + 1, load["endpoint_films_second"], prices
        )
        return float(count * hour * HOURS_A_MONTH + 2 * price["alarm_month"])

    return [
        Line(
            f"serverless endpoint, {price['serverless_gb']} GB",
            "$0.00002 a GB-second, $0.016 a GB",
            "sagemaker",
            lambda case: case.films / costs.FILMS * costs.serverless(speed, prices),
        ),
        Line(
            f"or {price['instance']}, around the clock",
            f"${hour} an hour",
            "sagemaker",
            instances,
        ),
    ]


def dicom(prices: Prices) -> Line:
    """Return the extra costs if every film is a large DICOM film."""
    p, load = prices["around"], prices["load"]
    rendered = (
        2 * p["lambda_request"]
        + load["render_seconds"] * 2 * p["lambda_gb_second"]
        + 2 * p["s3_put"]
        + 6 * p["sqs_request"]
        + load["film_mb"] / 1000 * p["s3_gb_month"]  # the rendition, for a month
    )
    more = (load["dicom_mb"] - load["film_mb"]) / 1000 * p["s3_gb_month"]
    return Line(
        f"besides, if all films are DICOM of {load['dicom_mb']} MB",
        "S3, Lambda and SQS as above",
        "s3",
        lambda case: case.films * rendered + case.kept * more,
    )


def per_film(prices: Prices) -> float:
    """Return the dollars that one more film costs in its month, with storage and endpoint."""
    by_use = [*lines(prices), endpoints(prices)[0]]
    none, many = Case(0, 0), Case(FILMS_A_MONTH[-1], 0)
    return sum(line.dollars(many) - line.dollars(none) for line in by_use) / many.films


def _reconcile(case: Case, prices: Prices) -> float:
    p = prices["around"]
    pages, reads = reconciled(case.films / prices["load"]["days_a_month"], case.kept)
    seconds = pages * prices["load"]["page_seconds"]
    return float(
        prices["load"]["days_a_month"]
        * (
            pages * p["s3_put"]
            + reads * p["dynamodb_read"] / 2  # eventually consistent
            + seconds * 0.5 * p["lambda_gb_second"]
        )
    )


def reconciled(films_a_day: float, kept: float) -> tuple[float, float]:
    """Return the pages and the reads of a day; `benchmarks.simulations` runs the real code."""
    runs_a_pass = max(1, math.ceil(kept / SLICE))
    passes = 24 / runs_a_pass
    thorough = min(1.0, passes)
    # A long pass looks back further: to a day before the last one began.
    short_days = max(SHORT_DAYS, 1 + runs_a_pass / 24)
    days = thorough * max(THOROUGH_DAYS, short_days) + (passes - thorough) * short_days
    return passes * math.ceil(kept / 1000), min(days * films_a_day, passes * kept)


def _sampled(calls: float) -> float:
    """Return how many of a month's calls X-Ray records."""
    first = _SECONDS_A_MONTH * (1 - math.exp(-calls / _SECONDS_A_MONTH))
    return first + 0.05 * (calls - first)


def table() -> str:
    """Return the bill in Markdown."""
    prices = read_prices()
    cases = [Case(films, months) for films in FILMS_A_MONTH for months in MONTHS_BEFORE.values()]
    names = [f"{films:,} films, {when}" for films in FILMS_A_MONTH for when in MONTHS_BEFORE]
    used, endpoint = lines(prices), endpoints(prices)

    def row(what: str, values: list[float], price: str = "", page: str = "") -> str:
        link = f"[page]({prices['pages'][page]})" if page else ""
        return _row([what, *(_money(value) for value in values), price, link])

    def row_of(line: Line) -> str:
        return row(line.what, [line.dollars(case) for case in cases], line.price, line.page)

    def whole(line: Line) -> list[float]:
        return [rest + line.dollars(case) for rest, case in zip(sums, cases, strict=True)]

    sums = [sum(line.dollars(case) for line in used) for case in cases]
    return "\n".join(
        [
            f"US dollars a month, list prices in us-east-1, {prices['as_of']}, without free tiers.",
            "",
            _row(["what", *names, "price", "source"]),
            _row(["---"] * (len(names) + 3)),
            *map(row_of, used),
            row("**all but the endpoint**", sums),
            *map(row_of, endpoint),
            *(row(f"**{kind}**", whole(line)) for kind, line in zip(KINDS, endpoint, strict=True)),
            row_of(dicom(prices)),
        ]
    )


def _money(dollars: float) -> str:
    return f"{dollars:,.0f}" if dollars >= 100 else f"{dollars:.2f}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def parts(document: str, begin: str = BEGIN, end: str = END) -> Iterator[str]:
    """Return the page's text before the table, the table, and the text after it."""
    before, begun, rest = document.partition(begin)
    shown, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"The document must hold the lines {begin} and {end}.")
    yield from (f"{before}{begin}\n", shown.strip("\n"), f"\n{end}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bill", description=__doc__)
    parser.add_argument("--report", action="store_true", help="write it into docs/performance.md")
    if not parser.parse_args().report:
        print(table())
        return
    before, _, after = parts(DOCUMENT.read_text())
    DOCUMENT.write_text(f"{before}{table()}{after}")


if __name__ == "__main__":
    main()
