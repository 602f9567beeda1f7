"""`demo`: upload the sample films to the local application, show the findings, stop everything."""

import argparse
import dataclasses
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cxr_alert.interrupts import end_in_order
from cxr_alert.options import Commands, add_command, add_model
from cxr_alert.output import console, say

if TYPE_CHECKING:
    from cxr_alert.local.demo import Screening


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "demo", "screen the sample films on this machine, then stop everything", _run
    )
    add_model(command, "the network to serve, an ONNX file (default: the shipped network)")


def _run(options: argparse.Namespace) -> int:
    """Return 1 if a film has no record, or if a positive or a reject has no message."""
    from cxr_alert.local import demo, hospital, pacs, places, stack, table

    end_in_order()
    began = time.monotonic()
    total = len(demo.films(places.SAMPLES))
    terminal = console()
    settings = stack.for_people(places.DEMO, options.model)
    settings = dataclasses.replace(settings, results=pacs.installed())
    with stack.running(settings, _progress) as running, pacs.beside(running.settings) as archive:
        started = time.monotonic()
        say(f"Ready after {started - began:.1f} s. Uploading {total} films.")
        say()
        observer = demo.Observer(running, archive)
        screened = demo.screen_all(observer, places.SAMPLES, dicom_only=archive is not None)
        screenings = table.follow(screened, total, terminal)
        elapsed = time.monotonic() - started
        no_film = observer.drop_no_film()
        delivered = archive is None or hospital.deliver(running, archive, total)
        held = archive.modalities() if archive else {}
        if archive and delivered:
            places.DEMO_PICTURE.write_bytes(archive.picture_of_a_result())
    demo.write_json(screenings, places.DEMO_RESULT)
    notified = _show_mails(screenings, no_film)
    terminal.print("\nSummary", style="bold")
    for line in table.summary(screenings, elapsed):
        say(line)
    if archive:
        _show_pacs(held)
    say(
        f"Everything is stopped, after {time.monotonic() - began:.1f} s. "
        f"Results: {places.short(places.DEMO_RESULT)}"
    )
    missing = table.shortcomings(screenings)
    if not delivered:
        missing.append("Some results did not reach the PACS.")
    if not notified:
        missing.append(f"Nobody was notified that {no_film} could not be screened.")
    for line in missing:
        say(f"{line} The logs are in {places.short(places.DEMO)}.", error=True)
    return 1 if missing else 0


def _show_pacs(held: Mapping[str, int]) -> None:
    from cxr_alert.local import places

    say(
        f"Orthanc, as the hospital's PACS, held {held.get('DX', 0)} films and beside them "
        f"{held.get('SR', 0)} results, each as a report and as a picture; one is "
        f"{places.short(places.DEMO_PICTURE)}."
    )


def _progress(line: str) -> None:
    console().print(f"{line} ...", style="dim")


def _show_mails(screenings: list["Screening"], no_film: str) -> bool:
    """Show the mails about a positive and about a reject; return whether the latter arrived."""
    alerted = [each for each in screenings if each.alert_seconds is not None]
    if alerted:
        film = max(alerted, key=lambda each: each.probability or 0).key
        _show_mail("The alert e-mail of one positive", film)
    notified = _show_mail("The e-mail about a file that could not be screened", no_film)
    console().print("(They stayed on this machine; SNS adds a link to unsubscribe.)", style="dim")
    return notified


def _show_mail(title: str, key: str) -> bool:
    from cxr_alert.local import mail, places

    message = mail.about(places.DEMO, key)
    if message is None:
        return False
    console().print(f"\n{title}", style="bold")
    for line in mail.as_text(message).splitlines():
        say(line)
    return True
