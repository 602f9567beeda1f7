"""`identify`: print the patient of a film, from the identity file on site."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_alert.options import Commands, add_command, add_json, some_text
from cxr_alert.output import facts, print_json, say
from screening.errors import Mistake

if TYPE_CHECKING:
    from intake.identities import Identities

_SHOWN = {
    "PatientName": "name",
    "PatientID": "number",
    "PatientBirthDate": "born",
    "AccessionNumber": "accession number",
    "StudyDate": "study date",
    "StudyDescription": "study",
    "StudyInstanceUID": "study UID",
    "SOPInstanceUID": "instance UID",
}


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "identify", "print the patient of a film whose identity stays on site", _run
    )
    command.add_argument(
        "key", type=some_text, metavar="KEY", help="the film's object key, as in the alert"
    )
    add_identities(command, required=True)
    add_json(command)


def add_identities(
    command: argparse.ArgumentParser,
    purpose: str = "identity file of `receive --keep-identity`",
    *,
    required: bool = False,
) -> None:
    """Add the options for the identity file and its key."""
    command.add_argument(
        "--keep-identity",
        type=Path,
        required=required,
        metavar="FILE",
        help=purpose,
    )
    command.add_argument(
        "--identity-key",
        type=Path,
        metavar="FILE",
        help="key of that file, readable by its owner only (default: FILE.key)",
    )


def identities_of(options: argparse.Namespace, *, make: bool = False) -> "Identities | None":
    """Open the identity file that the options name, if any; raises Mistake."""
    if options.keep_identity is None:
        if options.identity_key is not None:
            raise Mistake("--identity-key is the key of the file after --keep-identity.")
        return None
    from intake.identities import IdentitiesRefused, open_identities

    try:
        return open_identities(options.keep_identity, options.identity_key, make=make)
    except IdentitiesRefused as error:
        raise Mistake(f"--keep-identity: {error}") from None


def _run(options: argparse.Namespace) -> None:
    from results.header import read_header

    identities = identities_of(options)
    kept = identities.of_film(options.key) if identities else []
    if not kept:
        raise Mistake(
            f"{options.keep_identity} does not know the film {options.key}. It was received "
            "without --keep-identity, with another file, or was erased."
        )
    headers = [read_header(each) for each in kept]
    found = [
        {name: str(header.get(keyword, "")) for keyword, name in _SHOWN.items()}
        for header in headers
    ]
    if options.json:
        print_json(found)
        return
    for each in found:
        facts(((name, text) for name, text in each.items() if text), width=18)
        say()
