"""Empty objects that are placeholders: file systems on S3 write one, and then the film.

Such a mount makes an object of zero bytes as it opens a file, and writes the bytes to the same key
as it closes it. The empty version is then no film. One that stays is an export gone wrong, and a
rejection that people are told.
"""

import math
from datetime import datetime, timedelta

from aws.uploads_bucket import Films
from screening.refusals import Later
from screening.upload import Upload

FOLLOWED_WITHIN = timedelta(minutes=2)


def is_placeholder(upload: Upload, films: Films, now: datetime) -> bool:
    """Return whether a newer version followed the empty upload; raise Later while one may."""
    if films.neighbours(upload).newer:
        return True
    left = datetime.fromisoformat(upload.uploaded) + FOLLOWED_WITHIN - now
    if left > timedelta(0):
        raise Later("The file is empty, and a film may follow it.", math.ceil(left.total_seconds()))
    return False
