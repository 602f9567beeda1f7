"""AWS's prices, read from prices.toml: us-east-1, US dollars."""

import tomllib
from pathlib import Path
from typing import Any

HOURS_A_MONTH = 730

Prices = dict[str, dict[str, Any]]


def read_prices() -> Prices:
    with Path(__file__).with_name("prices.toml").open("rb") as file:
        prices: Prices = tomllib.load(file)
    return prices
