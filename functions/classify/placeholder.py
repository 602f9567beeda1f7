"""Empty objects that are placeholders: some file systems on S3 write one before the film.

Such a mount creates an object of zero bytes when it opens a file, and writes the bytes to the same
key when it closes it. So the empty version is not a film. An empty version without a successor is a
failed export, and is rejected.
"""

import math
from datetime import datetime, timedelta

from aws.uploads_bucket import Films
from screening.refusals import Later
from screening.upload import Upload

FOLLOWED_WITHIN = timedelta(minutes=2)


def is_placeholder(upload: Upload, films: Films, now: datetime) -> bool:
    """Return whether a newer version followed the empty upload.

    Raise Later while it is too early.
    """
    if films.neighbours(upload).newer:
        return True
    left = datetime.fromisoformat(upload.uploaded) + FOLLOWED_WITHIN - now
    if left > timedelta(0):
        raise Later("The file is empty, and a film may follow it.", math.ceil(left.total_seconds()))
    return False
