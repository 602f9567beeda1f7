"""`arrivals`: list the films in the PACS without a result."""

import argparse
from pathlib import Path

from cxr_alert.options import Commands, add_command, add_json, whole_number
from cxr_alert.output import print_json, say


def add_to(commands: Commands) -> None:
    command = add_command(commands, "arrivals", "list films in the PACS without a result", _run)
    command.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="configuration file of `send`"
    )
    command.add_argument("--days", type=whole_number, help="check films of the last N days")
    command.add_argument("--anew", action="store_true", help="deliver these results again")
    add_json(command)


def _run(options: argparse.Namespace) -> int:
    from aws.errors import AWS_ERRORS, name_of
    from aws.queue import NotSent
    from delivery.destination import Away, Refused
    from delivery.schedule import deliver_anew, look
    from delivery.settings import read_settings
    from screening.errors import Failure

    settings = read_settings(options.config)
    try:
        found = look(settings, options.days)
        again = deliver_anew(settings, found) if options.anew else 0
    except (Away, Refused) as error:
        raise Failure(f"The PACS can't be asked by QIDO-RS: {error}. See [dicomweb].") from None
    except NotSent as error:
        raise Failure(str(error)) from None
    except AWS_ERRORS as error:
        raise Failure(
            f"AWS did not answer as expected ({name_of(error)}). Check [aws] in {options.config}, "
            "AWS_PROFILE and AWS_REGION."
        ) from None
    if options.json:
        print_json(
            [
                {
                    "study": each.film.time,
                    "accession": each.film.accession_number,
                    "why": each.reason,
                }
                for each in found
            ]
        )
    else:
        for each in found:
            number = each.film.accession_number or "-"
            say(f"{each.film.time:<14}  {number:<16}  {each.reason}")
        say(f"{len(found)} films without their result, {again} sent again.")
    return int(bool(found))
