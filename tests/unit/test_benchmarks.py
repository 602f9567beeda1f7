"""Evaluation of the benchmarks' measurements, and the costs of films."""

import math

import pytest

from benchmarks import costs, report
from benchmarks.rows import Row, compare, percentile, row_of
from training.sagemaker.prices import read_prices


def test_a_comparison_tells_medians_ratio_noise_and_whether_the_limit_is_kept() -> None:
    row = compare("s", "n", "ms", [9, 10, 13], [40, 50, 51], "slow one", at_most=0.25)

    assert (row.ours, row.other, row.ratio) == (10, 50, 0.2)
    assert row.noise == pytest.approx(0.2)  # (13 - 9) / 2 / 10
    assert row.met
    assert compare("s", "n", "ms", [20], [50], at_least=0.5, other_name="o").met is False


def test_a_missing_measurement_neither_meets_nor_breaks_a_limit() -> None:
    row = compare("s", "n", "ms", [10], None, "MXNet", at_most=0.3)

    assert row.met is None
    assert row.other_name == "MXNet (could not be run here)"


def test_rows_survive_their_file() -> None:
    row = compare("s", "n", "ms", [10, 11], [20, 21], "other", at_most=1)

    assert row_of(row.as_json()) == row
    assert {"name", "unit", "ours", "other", "other_name", "ratio"} <= row.as_json().keys()


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1, 100), (0, 1)]
)
def test_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_the_report_replaces_the_table_and_nothing_else() -> None:
    row = Row("Section", "latency", "ms", 12.345, 50.0, "other", 0.05, at_most=0.2)
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"

    once = report.replaced(document, [row])

    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert "old" not in once
    assert "| latency | ms | 12.3 | 50 (other) | 0.247 | ± 5% | ≤ 0.2: not met |" in once
    assert report.replaced(once, [row]) == once


SPEED = costs.Speed(films_a_second_a_core=100, seconds_a_film=0.01)


def test_an_instance_costs_its_day_however_few_films_it_sees() -> None:
    prices = read_prices()

    assert costs.real_time(10, 200, 0.1, prices) == pytest.approx(240)  # 2.40 $ for 10 films
    assert costs.real_time(500, 200, 0.1, prices) == pytest.approx(4.8)


def test_instances_are_added_for_the_busiest_hour() -> None:
    prices = read_prices()
    load = prices["load"]
    an_instances_day = 200 * load["headroom"] * 3600 / load["busiest_hour"]

    assert costs.instances(math.floor(an_instances_day), 200, prices) == 1
    assert costs.instances(math.ceil(an_instances_day) + 1, 200, prices) == 2


def test_serverless_costs_by_the_second_and_the_byte() -> None:
    prices = read_prices()
    prices["endpoint"] |= {"serverless_gb": 2, "serverless_gb_second": 0.00002}
    prices["endpoint"]["serverless_data_gb"] = 0.016
    prices["load"]["film_mb"] = 0.5

    # 1,000 x (0.01 s x 2 GB x 0.00002 $ + 0.0005 GB x 0.016 $)
    assert costs.serverless(SPEED, prices) == pytest.approx(0.0004 + 0.008)
