"""One film from the bucket to its judgement; screening and screening again both go through here."""

from decimal import Decimal

from aws.endpoint import Endpoint, Oversize
from aws.uploads_bucket import Films
from screening.clock import now
from screening.facts import ADULT_REASON
from screening.formats import Format, format_of, refuse_others
from screening.judgement import Judgement, judge, reject
from screening.refusals import Code, NeedsRendition, Rejected
from screening.rendition import NotRendered
from screening.upload import Upload


def examine(
    upload: Upload, films: Films, endpoint: Endpoint, cutoff: Decimal, *, gated: bool = True
) -> Judgement:
    """Read the film, ask the endpoint, apply the cutoff.

    Not `gated`, the film is judged whatever it looks like: a person has seen it, and wants that.
    Raises TryAgain if the film can wait, and NeedsRendition if the endpoint can't be sent it.
    """
    try:
        film = _for_the_endpoint(upload, films, endpoint.largest_mb)
        answer = endpoint.ask(film, gated=gated)
    except Oversize as rejection:
        if upload.rendered is None:
            raise NeedsRendition from None
        return reject(rejection, cutoff, now())
    except Rejected as rejection:
        return reject(rejection, cutoff, now())
    return judge(answer, cutoff, now())


def _for_the_endpoint(upload: Upload, films: Films, largest_mb: int) -> bytes:
    """Return the film's own bytes, or those of its rendition."""
    if isinstance(upload.rendered, NotRendered):
        raise Rejected(upload.rendered.code, upload.rendered.reason)
    if upload.rendered is not None:
        if upload.rendered.facts and upload.rendered.facts.adult:
            raise Rejected(Code.ADULT, ADULT_REASON)
        rendition = films.rendition(upload)
        if rendition is None:
            raise NeedsRendition
        return rendition
    films.check_size(upload)
    if upload.size > largest_mb * 1024**2:
        raise NeedsRendition
    film = films.read(upload)
    if format_of(film) is Format.DICOM:
        raise NeedsRendition
    refuse_others(film)
    return film
