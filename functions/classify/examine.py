"""Turn one film into a judgement; used by screening and rescreening."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from aws.endpoint import Endpoint, Oversize
from aws.uploads_bucket import Films
from screening.clock import now
from screening.facts import ADULT_REASON
from screening.formats import Format, format_of, refuse_others
from screening.judgement import Judgement, judge, reject
from screening.record import Record, rejected_twin_of, twin_of
from screening.refusals import Code, NeedsRendition, Rejected
from screening.rendition import NotRendered
from screening.upload import Upload, digest_of


@dataclass(frozen=True)
class Examined:
    """A judgement; `twin` is the record of an equal earlier version, if it was copied from there.

    `upload` is the examined upload, with its digest if its bytes were read.
    """

    upload: Upload
    judgement: Judgement
    twin: Record | None = None


def examine(
    upload: Upload, films: Films, endpoint: Endpoint, cutoff: Decimal, *, gated: bool = True
) -> Judgement:
    """Read the film, ask the endpoint, apply the cutoff.

    If not `gated`, the film is judged even if the gate would reject it, as a person requested.
    Raises TryAgain if the film should be retried, and NeedsRendition if it must be rendered first.
    """
    return compare_and_examine(upload, (), films, endpoint, cutoff, gated=gated).judgement


def compare_and_examine(
    upload: Upload,
    others: Sequence[Record],
    films: Films,
    endpoint: Endpoint,
    cutoff: Decimal,
    *,
    gated: bool = True,
) -> Examined:
    """Examine a film unless its bytes equal those of another version of its key."""
    if upload.size == 0:
        upload = replace(upload, digest=digest_of(b""))
    try:
        film = _read(upload, films, endpoint.largest_mb)
        if film is not None:
            upload = replace(upload, digest=digest_of(film))
        if twin := twin_of(upload, others):
            return Examined(upload, twin.judgement, twin)
        answer = endpoint.ask(_for_the_endpoint(upload, film, films), gated=gated)
    except Oversize as rejection:
        if upload.rendered is None:
            raise NeedsRendition(upload.digest) from None
        return _rejected(upload, rejection, others, cutoff)
    except Rejected as rejection:
        return _rejected(upload, rejection, others, cutoff)
    return Examined(upload, judge(answer, cutoff, now()))


def _read(upload: Upload, films: Films, largest_mb: int) -> bytes | None:
    """Return the film's own bytes, or None if `render` has read them."""
    if upload.rendered is not None:
        return None
    films.check_size(upload)
    if upload.size > largest_mb * 1024**2:
        raise NeedsRendition
    return films.read(upload)


def _for_the_endpoint(upload: Upload, film: bytes | None, films: Films) -> bytes:
    """Return the bytes for the endpoint: the film, or its rendition."""
    if film is not None:
        if format_of(film) is Format.DICOM:
            raise NeedsRendition(upload.digest)
        refuse_others(film)
        return film
    if isinstance(upload.rendered, NotRendered):
        raise Rejected(upload.rendered.code, upload.rendered.reason)
    if upload.rendered and upload.rendered.facts and upload.rendered.facts.adult:
        raise Rejected(Code.ADULT, ADULT_REASON)
    rendition = films.rendition(upload)
    if rendition is None:
        raise NeedsRendition(upload.digest)
    return rendition


def _rejected(
    upload: Upload, rejection: Rejected, others: Sequence[Record], cutoff: Decimal
) -> Examined:
    twin = twin_of(upload, others) or rejected_twin_of(upload, rejection.code, others)
    if twin:
        return Examined(upload, twin.judgement, twin)
    return Examined(upload, reject(rejection, cutoff, now()))
