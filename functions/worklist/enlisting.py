"""A screening record's entry in the worklist."""

from decimal import Decimal

from aws.worklist_table import Changed, WorklistTable
from reviewing.entry import enter, film_name
from screening.record import Record

_TRIES = 5


def enlist(worklist: WorklistTable, record: Record, share: Decimal) -> None:
    """Write the record's entry, unless it stands so already."""
    film = film_name(record.key, record.version)
    for _ in range(_TRIES):
        before = worklist.find(film)
        entry = enter(record, share, before)
        if entry == before:
            return
        try:
            worklist.put(entry)
        except Changed:
            continue
        return
    raise Changed("Others change this entry just now.")
