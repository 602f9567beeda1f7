"""The cost of 1,000 films on an endpoint, from prices.toml and speeds measured here.

real time   instances x 24 h x price / films a day
instances   busiest hour's films / 3600 / (films/s of a core x cores x headroom), rounded up
serverless  seconds a film x GB x price, and the film's bytes

bill.py has the whole bill.
"""

import math
from dataclasses import dataclass

from benchmarks.rows import Row
from training.sagemaker.prices import Prices, read_prices

SECTION = "Money, us-east-1"
FILMS_A_DAY = (10, 500, 50_000)
FILMS = 1000


@dataclass(frozen=True)
class Speed:
    """Measured speeds; a core on AWS is assumed to be as fast as one of this machine."""

    films_a_second_a_core: float
    seconds_a_film: float


def real_time(films_a_day: int, rate: float, hour: float, prices: Prices) -> float:
    """Dollars per 1,000 films of instances that answer `rate` films/s and cost `hour` an hour."""
    return instances(films_a_day, rate, prices) * 24 * hour / films_a_day * FILMS


def instances(films_a_day: int, rate: float, prices: Prices) -> int:
    load = prices["load"]
    busiest = films_a_day * float(load["busiest_hour"]) / 3600
    return max(1, math.ceil(busiest / (rate * float(load["headroom"]))))


def serverless(speed: Speed, prices: Prices) -> float:
    """Dollars per 1,000 films of a serverless endpoint, however many come a day."""
    price = prices["endpoint"]
    compute = speed.seconds_a_film * price["serverless_gb"] * price["serverless_gb_second"]
    data = prices["load"]["film_mb"] / 1000 * price["serverless_data_gb"]
    return float(FILMS * (compute + data))


def rows(speed: Speed) -> list[Row]:
    prices = read_prices()
    price, hour = prices["endpoint"], prices["instance_hour"]
    found = []
    for films_a_day in FILMS_A_DAY:
        default = real_time(
            films_a_day,
            speed.films_a_second_a_core * price["default_instance_cores"],
            hour[price["default_instance"]],
            prices,
        )
        rate = speed.films_a_second_a_core * price["instance_cores"]
        count = instances(films_a_day, rate, prices)
        dollars = {
            f"real time, {count} x {price['instance']}": real_time(
                films_a_day, rate, hour[price["instance"]], prices
            ),
            f"serverless, {price['serverless_gb']} GB": serverless(speed, prices),
        }
        other_name = f"{price['default_instance']} around the clock"
        found += [
            Row(SECTION, f"{films_a_day:,} a day: {name}", "$/1,000", value, default, other_name)
            for name, value in dollars.items()
        ]
    return found
