"""One film from the bucket to its judgement; screening and screening again both go through here."""

from decimal import Decimal

from aws.endpoint import Endpoint
from aws.uploads_bucket import Films
from screening.clock import now
from screening.facts import ADULT_CODE, ADULT_REASON
from screening.formats import Format, format_of
from screening.judgement import Judgement, judge, reject
from screening.refusals import NeedsRendition, Rejected
from screening.rendition import NotRendered
from screening.upload import Upload

# What any endpoint takes: a serverless one takes no more. Renditions are a tenth of it.
ENDPOINT_BYTES = 4 * 1024 * 1024


def examine(upload: Upload, films: Films, endpoint: Endpoint, cutoff: Decimal) -> Judgement:
    """Read the film, ask the endpoint, apply the cutoff.

    Raises TryAgain if the film can wait, and NeedsRendition if the endpoint can't be sent it.
    """
    try:
        answer = endpoint.ask(_for_the_endpoint(upload, films))
    except Rejected as rejection:
        return reject(rejection, cutoff, now())
    return judge(answer, cutoff, now())


def _for_the_endpoint(upload: Upload, films: Films) -> bytes:
    """The film's own bytes, or those of its rendition."""
    if isinstance(upload.rendered, NotRendered):
        raise Rejected(upload.rendered.reason, upload.rendered.code)
    if upload.rendered is not None:
        if upload.rendered.facts and upload.rendered.facts.adult:
            raise Rejected(ADULT_REASON, ADULT_CODE)
        rendition = films.rendition(upload)
        if rendition is None:
            raise NeedsRendition
        return rendition
    films.check_size(upload)
    if upload.size > ENDPOINT_BYTES:
        raise NeedsRendition
    film = films.read(upload)
    if format_of(film) is Format.DICOM:
        raise NeedsRendition
    return film
