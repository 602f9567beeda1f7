"""`python -m tests.docs.reference`: write docs/reference/; with `--check`, report stale pages.

The pages are generated from the parser, the templates and the types, so nobody has to maintain
them.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from cxr_alert.output import say
from cxr_alert.program import GROUPS, parser
from tests.docs.check import commands, templates
from tests.docs.pages import Page
from tests.docs.schemas import SCHEMAS
from tests.unit.templates import ROOT, Template, metrics_of, read

FOLDER = ROOT / "docs" / "reference"
MADE = "Made by `make reference`; do not edit it.\n"
ALARM = "AWS::CloudWatch::Alarm"
_CODE_OF_METRICS = ("functions", "delivery")
_COUNTS = ROOT / "functions" / "aws" / "observe.py"  # counts what its callers name
_QUERY = re.compile(r"SELECT \w+\((\w+)\) FROM SCHEMA\(\"([\w/]+)\"")
_METRIC = re.compile(r'\b(?:metrics\.add_metric|(?:observer|self|metrics)\.count)\(\s*([\w"]+)')

# One sentence for each metric of the namespace CxrAlert.
METRICS = {
    "AlarmsLasting": "Alarms that have been on for more than an hour.",
    "AlertsSent": "Alerts sent to the alerts topic.",
    "DigestsSent": "Messages sent to people.",
    "DriftDaysBehind": "Days that the drift watch has not compared yet.",
    "DriftSignals": "Signals of drift that are on.",
    "EventsIgnored": "Messages in a queue that are not about a film.",
    "FilmsRejected": "Films rejected.",
    "FilmsScreened": "Films screened, rejects included.",
    "FilmsSentToRender": "Films that need a rendition first.",
    "FilmsTold": "Films in the messages sent to people.",
    "MessagesGivenUp": "Messages moved to the dead-letter queue; another try would not help.",
    "PeopleSubscribed": "Confirmed subscriptions of people.",
    "PeopleUnconfirmed": "Subscriptions of people that wait to be confirmed.",
    "PossiblePneumonia": "Positive films.",
    "ProbabilityDistance": "Distance of recent films' probabilities from the reference.",
    "RecordsFailed": "Failed tries; the queue delivers the message again.",
    "RecordsFailedLong": "Failed tries of messages that have failed five times or more.",
    "RenditionsMade": "Renditions made.",
    "RenditionsRefused": "Films of which no rendition can be made; they are rejected.",
    "ResultsDelivered": "Results that a hospital's system accepted.",
    "ResultsFailed": "Results that could not be delivered and are tried again.",
    "ResultsGivenUp": "Results that can never be delivered.",
    "ResultsMissing": "Results that `arrivals` did not find in the PACS.",
    "ResultsWithoutPatient": "Results whose patient is not known on site.",
    "SampleFilmsChanged": "Sample films with a changed probability.",
    "SharePositive": "Share of positives among the films screened on the last day counted.",
    "ShareRefused": "Share of rejects among the films of the last day counted.",
    "UploadsAnnouncedAnew": "Uploads without a record that `reconcile` sent to be screened.",
    "UploadsWithoutRecord": "Uploads without a record that `reconcile` found.",
}


def main() -> int:
    """Write the pages, or with `--check` compare them: the exit status is 1 if one is stale."""
    check = sys.argv[1:] == ["--check"]
    stale = False
    for name, text in pages().items():
        path = FOLDER / name
        if check and (not path.is_file() or path.read_text() != text):
            say(f"docs/reference/{name} is stale; type `make reference`.", error=True)
            stale = True
        if not check:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text)
    return int(stale)


def pages() -> dict[str, str]:
    """Return each file of docs/reference/ with its text."""
    schemas = {f"{name}.schema.json": make() for name, make in SCHEMAS.items()}
    return {
        "README.md": _index(),
        "commands.md": _page("Commands", _commands()),
        "parameters.md": _page("Parameters of the templates", _parameters()),
        "alarms.md": _page("Metrics and alarms", [*_alarms(), *_metrics()]),
        **{name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()},
    }


def _page(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", MADE, *lines]).rstrip() + "\n"


_INDEX = """\
| page | holds |
| --- | --- |
| [commands](commands.md) | every command with its options |
| [parameters](parameters.md) | every parameter of every template |
| [alarms](alarms.md) | every alarm with its section of the runbook; every metric |
| [record](record.schema.json) | JSON Schema of an item of the screenings table |
| [alert](alert.schema.json) | JSON Schema of a message of the alerts topic and the people queue |
| [result](result.schema.json) | JSON Schema of a message of the results queue |

The people queue holds the messages of the alerts topic. To filter on, each has the attribute
`finding`, and `probability` (positives) or `code` (rejects). Alerts of films below `backfill/`
also have `backfill`, which is `yes`; they are not sent to people.

`cxr-alert look-up KEY --json` prints records in the same form; `expires` is a time there, and epoch
seconds in the table."""


def _index() -> str:
    return _page("Reference", [_INDEX])


def _commands() -> Iterator[str]:
    known = commands()
    listed = parser().listed  # type: ignore[attr-defined]
    for group in GROUPS:
        yield f"## {group[:1].upper()}{group[1:]}\n"
        for name in listed[group]:
            yield from _command(name, known[name])


def _command(name: str, command: argparse.ArgumentParser) -> Iterator[str]:
    yield f"### cxr-alert {name}\n"
    yield f"{command.description}\n"
    actions = [each for each in command._actions if each.dest != "help"]
    if not actions:
        return
    yield "| argument | meaning |"
    yield "| --- | --- |"
    for action in actions:
        needed = " (needed)" if action.required and action.option_strings else ""
        yield f"| `{_usage(action)}` | {_cell(_help(command, action))}{needed} |"
    yield ""


def _usage(action: argparse.Action) -> str:
    names = ", ".join(action.option_strings)
    value = action.metavar or action.dest.upper()
    if action.choices and not isinstance(action.metavar, str):
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if isinstance(value, tuple):
        value = " ".join(value)
    if action.nargs == 0:
        return names
    more = " ..." if action.nargs in ("+", "*") else ""
    return f"{names} {value}{more}".strip()


def _help(command: argparse.ArgumentParser, action: argparse.Action) -> str:
    if not action.help:
        return ""
    return command._get_formatter()._expand_help(action).replace(f"{ROOT}/", "")


def _parameters() -> Iterator[str]:
    for path in templates():
        yield f"## {path}\n"
        template = read(path)
        yield f"{template.whole['Description'].strip()}\n"
        yield "| parameter | default | allowed | meaning |"
        yield "| --- | --- | --- | --- |"
        for name, parameter in template.parameters.items():
            default = _default(parameter)
            meaning = _cell(parameter.get("Description", ""))
            yield f"| `{name}` | {default} | {_cell(_allowed(parameter))} | {meaning} |"
        yield ""


def _default(parameter: dict[str, Any]) -> str:
    if "Default" not in parameter:
        return "none: must be given"
    return f"`{parameter['Default']}`" if parameter["Default"] != "" else "empty"


def _allowed(parameter: dict[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return ", ".join(f"`{_text(value)}`" for value in parameter["AllowedValues"])
    if "MinValue" in parameter:
        least = _number(parameter["MinValue"])
        most = parameter.get("MaxValue")
        return f"at least {least}" if most is None else f"{least} to {_number(most)}"
    return str(parameter.get("ConstraintDescription", "")).rstrip(".")


def _number(value: float) -> str:
    return f"{value:f}" if isinstance(value, float) else str(value)


def _text(value: object) -> str:
    return str(value) or "empty"


def _alarms() -> Iterator[str]:
    sections = _runbook()
    yield "## Alarms\n"
    yield "The name of an alarm begins with the name of its stack.\n"
    for path in templates():
        template = read(path)
        rows = sorted(_alarm(template, name, sections) for name in template.of_type(ALARM))
        if rows:
            yield from (
                f"### Alarms of {path}\n",
                "| alarm | meaning | metrics |",
                "| --- | --- | --- |",
            )
            yield from rows
            yield ""


def _alarm(template: Template, resource: str, sections: set[str]) -> str:
    properties = template.properties(resource)
    name = _plain(properties.get("AlarmName", resource)).rpartition("}-")[2]
    anchor = name.lower()
    shown = f"[{name}](../runbook.md#{anchor})" if anchor in sections else name
    meaning = _plain(properties["AlarmDescription"]).replace(" See docs/runbook.md.", "")
    metrics = {f"`{each['Namespace']} {each['MetricName']}`" for each in metrics_of(properties)}
    metrics |= {f"`{namespace} {metric}`" for metric, namespace in _QUERY.findall(str(properties))}
    return f"| {shown} | {_cell(meaning)} | {', '.join(sorted(metrics))} |"


def _plain(text: object) -> str:
    return str(text["Sub"]) if isinstance(text, dict) else str(text)


def _runbook() -> set[str]:
    path = ROOT / "docs" / "runbook.md"
    return Page(path, path.read_text()).anchors


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield "The functions and `cxr-alert send` write these metrics into the namespace `CxrAlert`.\n"
    yield "| metric | meaning |"
    yield "| --- | --- |"
    for name in sorted(metrics_written()):
        yield f"| `{name}` | {METRICS[name]} |"


def metrics_written() -> set[str]:
    """Return the names of the metrics in the code; raise ValueError for a name that is computed."""
    names = set()
    for path in (each for folder in _CODE_OF_METRICS for each in (ROOT / folder).rglob("*.py")):
        for name in _METRIC.findall(path.read_text()):
            if name.startswith('"'):
                names.add(name.strip('"'))
            elif path != _COUNTS:
                raise ValueError(f"{path.name}: write the name of the metric instead of {name}.")
    return names


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
