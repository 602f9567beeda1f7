"""The commands: `python -m local demo|up|down|alerts`."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from local import demo, mail, manual, processes, stack, table, watch
from local.errors import LocalError
from serving.shipped import SHIPPED_NETWORK

UP = processes.ROOT / "build" / "local"
DEMO = UP / "demo"
RESULT = processes.ROOT / "build" / "demo.json"
SAMPLES = processes.ROOT / "samples"
INTERRUPTED = 130

console = Console(highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    chosen = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        status: int = chosen.run(chosen)
    except LocalError as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for run, name, purpose in (
        (_demo, "demo", "drop the sample films, show what happens, stop everything"),
        (_up, "up", "start the application and leave it running"),
        (_down, "down", "stop what `up` started"),
        (_alerts, "alerts", "print the alerts of the running application as they arrive"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose.capitalize() + ".")
        command.set_defaults(run=run)
        if run in (_demo, _up):
            command.add_argument(
                "--model",
                type=lambda text: Path(text).resolve(),
                default=SHIPPED_NETWORK,
                metavar="FILE",
                help="the network to serve, as ONNX (default: the shipped one)",
            )
    return parser


def _say(line: str) -> None:
    console.print(f"{line} ...", style="dim")


def _settings(state: Path, model: Path) -> stack.Settings:
    return stack.Settings(state, model, parameters={"NotificationEmail": mail.ADDRESS})


def _demo(chosen: argparse.Namespace) -> int:
    began = time.monotonic()
    total = len(demo.films(SAMPLES))
    with stack.running(_settings(DEMO, chosen.model), _say) as running:
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


def _up(chosen: argparse.Namespace) -> int:
    running = stack.start(_settings(UP, chosen.model), _say)
    print(manual.write(running, SAMPLES))
    return 0


def _down(_: argparse.Namespace) -> int:
    print("Stopped." if stack.stop(UP) else "Nothing was running.")
    return 0


def _alerts(_: argparse.Namespace) -> int:
    running = stack.attach(UP)
    if running is None:
        raise LocalError("The application is not running; start it with `make up`.")
    name = f"alerts-{os.getpid()}"
    with watch.subscribed(running, name, "{}") as queue:
        print("Waiting for alerts; Ctrl-C ends this.", flush=True)
        while True:
            for alert in watch.receive(running, queue, wait=1):
                print(f"{alert.attributes.get('audience')}: {alert.subject}\n{alert.message}\n")


def _short(path: Path) -> Path:
    """A path as one would type it from the repository's root."""
    return path.relative_to(processes.ROOT)
