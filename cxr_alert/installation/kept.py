"""The resources that are kept when the stacks are deleted, and the reasons."""

from cxr_alert.deployment import stacks

# By its name in the templates; a test reads there what is retained.
KEPT = {
    "UploadsBucket": "the films, which are patients' data",
    "RenditionsBucket": "its lifecycle rule empties it within days; it can be deleted after that",
    "TrailBucket": "the log of reads and writes of films",
    "ScreeningsTable": "the screening records",
    "Key": "without it, encrypted data can't be read; it costs $1 a month",
    "EntriesTable": "the worklist's entries; they can be rebuilt from records and reviews",
    "ReviewsTable": "the readers' reviews",
    "ReaderPool": "the readers' logins, since reviews refer to readers",
    "AccessLog": "the access log of the worklist",
}


def left_by(stack: str) -> dict[str, str]:
    """Return the names of resources that stay after a stack's deletion, with the reasons."""
    return {
        f"{logical} {name}": KEPT[logical]
        for logical, _, name in stacks.resources(stack)
        if logical in KEPT
    }
