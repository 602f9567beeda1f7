"""`send`: deliver results from the queue to a PACS, a FHIR server, an interface engine."""

import argparse
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_alert.options import Commands, add_command, folder

if TYPE_CHECKING:
    from delivery.settings import Settings


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "send", "deliver results to PACS, FHIR server and interface engine", _run
    )
    command.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="see delivery/send.example.toml",
    )
    only = command.add_mutually_exclusive_group()
    only.add_argument("--check", action="store_true", help="check each destination, and exit")
    only.add_argument(
        "--dry-run",
        type=folder,
        metavar="DIR",
        help="write the waiting results as files (they name patients); deliver nothing",
    )


def _run(options: argparse.Namespace) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    from aws.errors import name_of
    from delivery.settings import read_settings
    from screening.errors import Failure, Mistake

    settings = read_settings(options.config)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("delivery").setLevel(logging.INFO)
    try:
        if options.check:
            return _check(settings)
        if options.dry_run:
            return _dry_run(settings, options.dry_run)
        return _send(settings)
    except ClientError as error:
        raise Failure(
            f"AWS refused {error.operation_name} ({name_of(error)}). Check [aws] in "
            f"{options.config}, and that the credentials have SenderPolicyArn's policy."
        ) from None
    except BotoCoreError as error:
        raise Mistake(f"AWS can't be used: {error} Set AWS_PROFILE and AWS_REGION.") from None


def _send(settings: "Settings") -> int:
    from delivery.schedule import Schedule
    from delivery.setup import sender

    made = sender(settings)
    schedule = Schedule(settings, made.metrics)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: made.end())
    names = ", ".join(each.destination.name for each in made.standings)
    print(f"Results go to {names}; Ctrl-C ends it.", flush=True)
    schedule.start()
    try:
        made.run()
    finally:
        schedule.stop()
    return 0


def _check(settings: "Settings") -> int:
    from delivery.destination import Away, Refused
    from delivery.dicomweb import DicomwebDestination
    from delivery.setup import client, destinations, identities

    identities(settings)
    client("sqs").get_queue_attributes(QueueUrl=settings.aws.queue, AttributeNames=["QueueArn"])
    print("queue: answers")
    asked = destinations(settings)
    if settings.dicomweb and not settings.dicomweb.store:
        asked.append(DicomwebDestination(settings.dicomweb))
    failed = False
    for each in asked:
        try:
            found = "; ".join(each.check())
        except (Away, Refused) as error:
            failed, found = True, f"can't be used: {error}"
        print(f"{each.name}: {found}")
    return int(failed)


def _dry_run(settings: "Settings", out: Path) -> int:
    from delivery.dry_run import write_waiting
    from delivery.setup import client, films

    written, failed = write_waiting(client("sqs"), settings.aws.queue, films(settings).result, out)
    print(
        f"{written} results written to {out}, {failed} could not be written; all stay in the queue."
    )
    return 0
