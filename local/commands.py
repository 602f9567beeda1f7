"""The commands `demo`, `up`, `down` and `alerts`."""

import os
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from cxr_alert.errors import Mistake
from local import demo, mail, manual, processes, stack, table, watch
from serving.shipped import SHIPPED_NETWORK

UP = processes.ROOT / "build" / "local"
DEMO = UP / "demo"
RESULT = processes.ROOT / "build" / "demo.json"
SAMPLES = processes.ROOT / "samples"

console = Console(highlight=False)


def _say(line: str) -> None:
    console.print(f"{line} ...", style="dim")


def _ends_in_order() -> None:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: it stops what it started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _settings(state: Path, model: Path | None) -> stack.Settings:
    chosen = model.resolve() if model else SHIPPED_NETWORK
    return stack.Settings(state, chosen, parameters={"NotificationEmail": mail.ADDRESS})


def demonstrate(model: Path | None) -> int:
    """Run the demo; returns 1 where a film did not become what it should."""
    _ends_in_order()
    began = time.monotonic()
    total = len(demo.films(SAMPLES))
    with stack.running(_settings(DEMO, model), _say) as running:
        started = time.monotonic()
        console.print(f"Ready after {started - began:.1f} s. Dropping {total} films.\n")
        observer = demo.Observer(running)
        screenings = table.follow(demo.screen_all(observer, SAMPLES), total, console)
        elapsed = time.monotonic() - started
    demo.write_json(screenings, RESULT)
    _show_mail(screenings)
    console.print("\nSummary", style="bold")
    for line in table.summary(screenings, elapsed):
        console.print(line, soft_wrap=True)
    console.print(
        f"Everything is stopped, after {time.monotonic() - began:.1f} s. Results: {_short(RESULT)}"
    )
    missing = table.shortcomings(screenings)
    for line in missing:
        print(f"{line} The logs are in {_short(DEMO)}.", file=sys.stderr)
    return 1 if missing else 0


def _show_mail(screenings: list[demo.Screening]) -> None:
    alerted = [each for each in screenings if each.alert_seconds is not None]
    if not alerted:
        return
    film = max(alerted, key=lambda each: each.probability or 0).key
    for message in mail.received(DEMO):
        if film in message.get_content():
            console.print("\nThe alert e-mail of one positive", style="bold")
            print(mail.as_text(message))
            console.print(
                "(It stayed on this machine; SNS adds a link to unsubscribe.)", style="dim"
            )


def up(model: Path | None) -> None:
    _ends_in_order()
    running = stack.start(_settings(UP, model), _say)
    print(manual.write(running, SAMPLES))


def down() -> None:
    _ends_in_order()
    print("Stopped." if stack.stop(UP) else "Nothing was running.")


def alerts() -> None:
    _ends_in_order()
    running = stack.attach(UP)
    if running is None:
        raise Mistake("The application is not running; start it with `make up`.")
    name = f"alerts-{os.getpid()}"
    with watch.subscribed(running, name, "{}") as queue:
        print("Waiting for alerts; Ctrl-C ends this.", flush=True)
        while True:
            for alert in watch.receive(running, queue, wait=1):
                print(f"{alert.attributes.get('audience')}: {alert.subject}\n{alert.message}\n")


def _short(path: Path) -> Path:
    """A path as one would type it from the repository's root."""
    return path.relative_to(processes.ROOT)
