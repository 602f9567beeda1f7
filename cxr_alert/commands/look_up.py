"""`look-up`: print the records of one film."""

import argparse
from typing import TYPE_CHECKING

from cxr_alert.options import Commands, add_stack_command, some_text
from cxr_alert.output import facts, print_json, say
from screening.errors import Mistake

if TYPE_CHECKING:
    from cxr_alert.operate.application import Application
    from screening.judgement import Judgement


def add_to(commands: Commands) -> None:
    command = add_stack_command(commands, "look-up", "print the records of one film", _run)
    command.add_argument("key", type=some_text, metavar="KEY", help="the film's object key")


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate.application import open_application
    from screening.record import attributes

    with open_application(options.stack) as found:
        records = found.screenings.of_key(options.key)
        if not records:
            raise Mistake(_why_none(found, options.key))
    if options.json:
        print_json([attributes(record) for record in records])
        return
    for record in records:
        flat = attributes(record)
        facts(((name, flat[name]) for name in sorted(flat) if name != "earlier"), width=13)
        facts((("earlier", _line(judgement)) for judgement in record.earlier), width=13)
        say()


def _why_none(found: "Application", key: str) -> str:
    from aws.uploads_bucket import Versions
    from screening.upload import is_backfill_key

    bucket = Versions(found.s3, found.outputs["UploadsBucketName"])
    uploads = [each.uploaded for page in bucket.pages(key) for each in page if each.key == key]
    if not uploads:
        return f"There is no film {key}, and no record of one."
    depth = found.backfill_waiting() if is_backfill_key(key) else found.films_waiting()
    return (
        f"The film was uploaded at {max(uploads)} and has no record yet. Films that "
        f"wait: {depth.ready}; films being screened: {depth.being_tried}. If this does not change, "
        "type `cxr-alert reconcile`."
    )


def _line(judgement: "Judgement") -> str:
    """Return one line about an earlier judgement of a film that was screened again."""
    words = judgement.reason or (
        f"probability {judgement.probability} (cutoff {judgement.cutoff}), "
        f"model {judgement.model or 'unknown'}"
    )
    return f"{judgement.classified} {judgement.finding}: {words}"
