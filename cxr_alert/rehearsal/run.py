"""Run a rehearsal from its first step to the takedown, whatever happens in between."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cxr_alert.deployment.stacks import exists
from cxr_alert.rehearsal.journal import Journal
from cxr_alert.rehearsal.report import Outcome, Report, Verdict
from cxr_alert.rehearsal.stage import NotJudged, Refuted, Settings, Stage
from cxr_alert.rehearsal.steps import STEPS, Step
from cxr_alert.rehearsal.takedown import take_down
from screening.clock import now, stamp
from screening.errors import Failure, Mistake

ROOT = Path(__file__).parents[2]
NEEDED = "deploy"  # no later step makes sense if this one fails


def rehearse(
    settings: Settings, folder: Path, say: Callable[[str], None], steps: Sequence[Step] = STEPS
) -> Report:
    """Return the report, which is also in the folder; everything that was made is removed.

    That holds for an interrupted run, too. Things that can't be removed stay in the journal.
    """
    journal = Journal.read(folder / "journal.json")
    if journal.things:
        raise Mistake(f"An earlier rehearsal left things: remove them with --clean ({folder}).")
    if exists(settings.stack):
        raise Mistake(f"There is already a stack {settings.stack}: name another one with --stack.")
    stage = Stage(settings, journal, say)
    report = _begin(stage)
    try:
        for step in steps:
            report.outcomes.append(_judged(step, stage, report.outcomes))
            say(_line(report.outcomes[-1]))
            report.write(folder)
    finally:
        say("Removing everything ...")
        report.leftovers = take_down(journal, settings.stack)
        report.write(folder)
    return report


def clean(stack: str, folder: Path) -> Report:
    """Remove what an interrupted rehearsal left."""
    journal = Journal.read(folder / "journal.json")
    report = Report(stamp(now()), "", "", _revision())
    report.leftovers = take_down(journal, stack)
    return report


def _begin(stage: Stage) -> Report:
    region = boto3.session.Session().region_name or "no region"
    return Report(
        began=stamp(now()),
        cloud="emulator" if stage.is_local else "AWS",
        region=region,
        revision=_revision(),
    )


def _judged(step: Step, stage: Stage, before: Sequence[Outcome]) -> Outcome:
    if any(each.name == NEEDED and each.verdict is not Verdict.HELD for each in before):
        return Outcome.of(step, Verdict.NOT_REACHED)
    began = time.monotonic()
    try:
        verdict, seen = Verdict.HELD, step.run(stage)
    except NotJudged as why:
        verdict, seen = Verdict.NOT_JUDGED, str(why)
    except (Refuted, Failure, ClientError, BotoCoreError) as error:
        verdict, seen = Verdict.REFUTED, str(error)
    return Outcome.of(step, verdict, seen, time.monotonic() - began)


def _line(outcome: Outcome) -> str:
    findings = f" ({outcome.findings})" if outcome.findings else ""
    first = outcome.seen.partition("\n")[0]
    return f"{outcome.verdict:<16}{outcome.name}{findings}: {first or outcome.assumption}"


def _revision() -> str:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=ROOT,
            check=False,
            text=True,
            capture_output=True,
        )
    except OSError:
        return "unknown"
    return found.stdout.strip() or "unknown"
