"""The worklist's commands, on the deployed application; docs/worklist.md says when to use which."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cxr_alert.options import print_json
from operate import readers, worklist
from operate.application import find_with_worklist
from operate.commands import open_application
from screening.messages import printable

console = Console(highlight=False, soft_wrap=True)


def unreviewed(stack: str, *, as_json: bool) -> None:
    with open_application(stack, find_with_worklist) as found:
        waiting = worklist.waiting(found)
    if as_json:
        print_json(asdict(waiting))
        return
    console.print(f"{waiting.films:>8}  positives that nobody has reviewed")
    console.print(f"{waiting.overdue:>8}  of them wait too long")
    if waiting.oldest:
        console.print(f"The oldest was uploaded at {waiting.oldest}.")


def performance(stack: str, days: int, wanted: float, *, as_json: bool) -> None:
    with open_application(stack, find_with_worklist) as found:
        tables = worklist.performance(found, days, wanted)
    if as_json:
        print_json([asdict(table) for table in tables])
        return
    for table in tables:
        shown = Table(title=table.title, title_justify="left", caption=table.note or None)
        for column in table.columns:
            shown.add_column(column)
        for row in table.rows:
            shown.add_row(*(printable(cell) for cell in row))
        console.print(shown)


def export(stack: str, out: Path, *, as_json: bool) -> None:
    with open_application(stack, find_with_worklist) as found:
        exported = worklist.export(found, out)
    if as_json:
        print_json(asdict(exported))
        return
    for key, why in exported.left_out:
        console.print(f"left out: {printable(key)}: {why}", markup=False)
    console.print(f"{exported.films} reviewed films are in {out}.", markup=False)


def enlist(stack: str, *, as_json: bool) -> None:
    with open_application(stack, find_with_worklist) as found:
        films = sum(1 for _ in worklist.enlist_all(found))
    if as_json:
        print_json({"films": films})
        return
    console.print(f"{films} screening records are in the worklist.")


def add_reader(stack: str, name: str, email: str | None, groups: list[str]) -> None:
    with open_application(stack, find_with_worklist) as found:
        readers.add(found, name, groups, email)
    told = f"Cognito mails a first password to {email}." if email else "Set a password for it."
    console.print(f"{name} may log in. {told}", markup=False)
