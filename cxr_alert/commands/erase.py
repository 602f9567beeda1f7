"""`erase`: erase a film and all data derived from it."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from cxr_alert.commands.identify import add_identities, identities_of
from cxr_alert.options import Commands, add_stack_command, some_text
from cxr_alert.output import facts, print_json, say
from screening.errors import Failure, Mistake

if TYPE_CHECKING:
    from cxr_alert.operate.erase import Film

_WORDS = {
    "versions": ("version", "versions"),
    "delete_markers": ("delete marker", "delete markers"),
    "renditions": ("rendition", "renditions"),
    "records": ("record", "records"),
    "worklist_entries": ("entry in the worklist", "entries in the worklist"),
    "reviews": ("review", "reviews"),
    "identities": ("identity on this site", "identities on this site"),
}


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands, "erase", "erase a film and all data derived from it", _run
    )
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "key", nargs="?", type=some_text, metavar="KEY", help="the film's object key"
    )
    which.add_argument(
        "--study", type=some_text, metavar="UID", help="erase all films of a study, by its UID"
    )
    add_identities(
        command, "identity file of `receive --keep-identity`; the film's entry in it is erased too"
    )
    command.add_argument(
        "--yes", action="store_true", help="really erase; without it, the command only lists"
    )
    command.add_argument(
        "--unfinished", action="store_true", help="also erase films that are still being screened"
    )


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate.application import open_application
    from cxr_alert.operate.erase import Eraser, elsewhere
    from cxr_alert.operate.interrupted import done_stays_done

    identities = identities_of(options)
    with open_application(options.stack, worklist_if_deployed=True) as found, done_stays_done():
        eraser = Eraser(found, identities)
        keys = [options.key] if options.key else eraser.keys_of_study(options.study)
        films = [film for film in map(eraser.find, keys) if film.left.any]
        if not films:
            raise Mistake(_nothing(options))
        if not options.json:
            _show(films)
        if options.yes:
            _check_finished(films, unfinished=options.unfinished)
            eraser.log("Erasing films", films=len(films))
            for film in films:
                eraser.erase(film)
            eraser.log("Films erased", films=len(films))
            left = [film for film in map(eraser.find, keys) if film.left.any]
        lies = elsewhere(found, on_site=identities is not None)
    if options.json:
        counted = [{"key": film.key, **asdict(film.left)} for film in films]
        print_json({"erased": options.yes, "films": counted, "elsewhere": dict(lies)})
    else:
        say("Erased." if options.yes else "Nothing is erased without --yes.")
        say()
        say("Copies that this command can't reach, with their retention:")
        facts(((f"  {where}", kept) for where, kept in lies), width=26)
    if options.yes and left:
        raise Failure("Data of the film was added during the erasure. Run the same command again.")


def _nothing(options: argparse.Namespace) -> str:
    if options.key:
        return f"There is no film {options.key}, and no data derived from one."
    more = "" if options.keep_identity else " Films without identity need --keep-identity."
    return f"There is no film of the study {options.study}.{more}"


def _check_finished(films: Sequence["Film"], *, unfinished: bool) -> None:
    waiting = sum(film.unfinished for film in films)
    if waiting and not unfinished:
        raise Mistake(
            f"{waiting} versions are still being screened, or their alert is being "
            "sent. Wait until "
            "`cxr-alert look-up` shows a record of each. With --unfinished they "
            "are erased anyway; a reject `deleted` may then appear, which the same command erases."
        )


def _show(films: Sequence["Film"]) -> None:
    for film in films:
        say(film.key)
        for name, count in asdict(film.left).items():
            if count:
                one, several = _WORDS[name]
                say(f"{count:>8}  {one if count == 1 else several}")
