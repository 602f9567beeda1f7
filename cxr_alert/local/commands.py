"""The commands `demo`, `up`, `down` and `alerts`."""

import os
import signal
import sys
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from cxr_alert.local import demo, mail, manual, processes, stack, table, watch
from screening.errors import Failure, Mistake
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
    return stack.Settings(
        state, chosen, parameters={"NotificationEmail": mail.ADDRESS, "DigestSeconds": "1"}
    )


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
        no_film = observer.drop_no_film()
    demo.write_json(screenings, RESULT)
    told = _show_mails(screenings, no_film)
    console.print("\nSummary", style="bold")
    for line in table.summary(screenings, elapsed):
        console.print(line, soft_wrap=True)
    console.print(
        f"Everything is stopped, after {time.monotonic() - began:.1f} s. Results: {_short(RESULT)}"
    )
    missing = table.shortcomings(screenings)
    if not told:
        missing.append(f"Nobody was told that {no_film} could not be screened.")
    for line in missing:
        print(f"{line} The logs are in {_short(DEMO)}.", file=sys.stderr)
    return 1 if missing else 0


def _show_mails(screenings: list[demo.Screening], no_film: str) -> bool:
    """Show the mail about a positive, and that about what is no film; returns if that was there."""
    alerted = [each for each in screenings if each.alert_seconds is not None]
    if alerted:
        film = max(alerted, key=lambda each: each.probability or 0).key
        _show_mail("The alert e-mail of one positive", film)
    told = _show_mail("The e-mail about a file that could not be screened", no_film)
    console.print("(They stayed on this machine; SNS adds a link to unsubscribe.)", style="dim")
    return told


def _show_mail(title: str, key: str) -> bool:
    message = mail.about(DEMO, key)
    if message is None:
        return False
    console.print(f"\n{title}", style="bold")
    print(mail.as_text(message))
    return True


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
        try:
            while True:
                for alert in watch.receive(running, queue, wait=1):
                    print(f"{alert.subject}\n{alert.message}\n", flush=True)
        except (ClientError, BotoCoreError):
            raise Failure("The application went away; start it again with `make up`.") from None


def _short(path: Path) -> Path:
    """A path as one would type it from the repository's root."""
    return path.relative_to(processes.ROOT)
