"""The simulations: they have the template's limits, and show the documented results."""

import pytest

from benchmarks import backfill, bill, reconcile, remind, simulations
from tests.unit.templates import read

TEMPLATE = read("template.yaml")


def test_the_simulation_has_the_concurrency_of_the_template() -> None:
    sources = {
        name: TEMPLATE.properties(f"{name}Function")["Events"]["Backfill"]["Properties"]
        for name in ("Classify", "Render")
    }
    slots = {
        name: source["BatchSize"] * source["ScalingConfig"]["MaximumConcurrency"]
        for name, source in sources.items()
    }
    assert slots == {"Classify": backfill.BACKFILL_SLOTS, "Render": backfill.RENDER_SLOTS}
    parameters = TEMPLATE.parameters
    today = parameters["MaximumConcurrency"]["Default"] * parameters["FilmsInBatch"]["Default"]
    assert today == backfill.TODAY_SLOTS


def test_a_film_of_today_is_delayed_by_less_than_a_minute() -> None:
    found = backfill.simulate(30_000)
    assert max(found.delays) < 60
    assert found.seconds > 30_000 / backfill.ENDPOINT_FILMS_SECOND


def test_more_films_at_once_would_delay_those_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    few = max(backfill.simulate(10_000).delays)
    monkeypatch.setattr(backfill, "BACKFILL_SLOTS", 400)
    assert few < 5 < max(backfill.simulate(10_000).delays)


@pytest.mark.thorough
def test_a_run_of_reconcile_is_bounded_and_a_lost_film_is_found_when_a_run_comes_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 100)  # a run is bounded by its number of pages
    found = reconcile.simulate(versions=120_000, films_a_day=1200, hours=2)
    assert found.pages == 1200
    assert found.reads == 14 * 1200 + 1  # the first pass compares all days, and the lost film
    assert found.longest_seconds < reconcile.FUNCTION_SECONDS
    assert found.lost_hours
    assert 1 <= found.lost_hours < 2


@pytest.mark.thorough
def test_every_unreviewed_film_is_in_one_mail_unless_its_mark_fails_twice() -> None:
    found = remind.simulate(10_100)  # with two films whose mark fails twice
    assert (found.told_twice, found.failed_runs) == (2, 2)
    assert found.mails == found.runs == 12
    function = read("functions/worklist/template.yaml").properties("RemindFunction")
    assert found.longest_seconds < function["Timeout"] == 600


@pytest.mark.thorough
def test_the_page_has_the_simulated_figures() -> None:
    page = simulations.DOCUMENT.read_text()
    shown = {part: [*bill.parts(page, *simulations.marks(part))][1] for part in simulations.PARTS}
    assert shown["backfill"] == simulations.table(simulations.PARTS["backfill"]())
    assert f"| versions in the bucket | {reconcile.VERSIONS:,} |" in shown["reconcile"]
    assert f"| unreviewed films | {remind.FILMS:,} |" in shown["remind"]
