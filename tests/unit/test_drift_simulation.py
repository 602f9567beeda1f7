"""The simulation behind the limits of drift still has the same results, without false alarms."""

import json

import pytest

from benchmarks.drift import CHANGES, NOTHING, Change, found_after, unchanged_year
from benchmarks.drift_films import CHANGES as RENDERINGS
from benchmarks.drift_films import UNCHANGED, pools
from benchmarks.drift_samples import FILMS, OUT
from drift.samples import NEAR
from serving.network import Network
from serving.shipped import SHIPPED_NETWORK
from tests.unit.templates import ROOT


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_each_change_is_found_at_a_site_of_fifty_films_a_day(change: Change) -> None:
    days = [found_after(50, change, seed) for seed in range(3)]
    assert sum(each is not None for each in days) >= 2


def test_unchanged_sites_raise_a_false_alarm_about_once_in_several_years() -> None:
    assert sum(len(unchanged_year(20, seed)) for seed in range(6)) <= 2


def test_the_page_has_a_row_for_each_change() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    assert all(f"\n| {each.name} |" in page for each in (NOTHING, *CHANGES))


def test_the_answers_are_those_of_the_held_out_films() -> None:
    measured = json.loads((ROOT / "model" / "metrics.json").read_text())["at"]["0.1"]
    found = pools()[UNCHANGED]
    assert sum(each.probability >= 0.1 for each in found.ill) == measured["tp"]
    assert sum(each.probability >= 0.1 for each in found.healthy) == measured["fp"]
    for name in RENDERINGS:
        assert (len(pools()[name].healthy), len(pools()[name].ill)) == (136, 521)


def test_the_shipped_network_answers_the_packaged_films_as_is_known() -> None:
    network = Network(SHIPPED_NETWORK, 1)
    known = json.loads((OUT / "known.json").read_text())
    assert known["network"] == network.name
    assert sorted(known["probabilities"]) == sorted(path.name for path in OUT.glob("*.jpeg"))
    assert len(FILMS) == len(known["probabilities"])
    for name, probability in known["probabilities"].items():
        answer = network.classify((OUT / name).read_bytes(), gated=True)[1]
        assert answer == pytest.approx(float(probability), abs=NEAR / 2)
