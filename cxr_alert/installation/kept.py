"""The resources that are kept when the stacks are deleted, and the reasons."""

from cxr_alert.deployment import stacks

# By its name in the templates; a test reads there what is retained.
KEPT = {
    "UploadsBucket": "the films, which are patients' data",
    "RenditionsBucket": "it is emptied by its own rule within days, and can be deleted then",
    "TrailBucket": "who read or wrote which film",
    "ScreeningsTable": "the records of what was found",
    "Key": "what it encrypted can't be read without it; it costs $1 a month",
    "EntriesTable": "the worklist's entries; they can be made again from records and reviews",
    "ReviewsTable": "the readers' reviews",
    "ReaderPool": "the readers' logins, since reviews refer to readers",
    "AccessLog": "who looked at which film",
}


def left_by(stack: str) -> dict[str, str]:
    """Return the names of what a stack's deletion leaves, each with the reason."""
    return {
        f"{logical} {name}": KEPT[logical]
        for logical, _, name in stacks.resources(stack)
        if logical in KEPT
    }
