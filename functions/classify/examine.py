"""One film from the bucket to its judgement; screening and screening again both go through here."""

from decimal import Decimal

from aws.endpoint import Endpoint
from aws.uploads_bucket import Films
from screening.clock import now
from screening.formats import refuse_others
from screening.judgement import Judgement, judge, reject
from screening.refusals import Rejected
from screening.upload import Upload


def examine(
    upload: Upload, films: Films, endpoint: Endpoint, cutoff: Decimal, *, gated: bool = True
) -> Judgement:
    """Read the film, ask the endpoint, apply the cutoff; raises TryAgain if the film can wait.

    Not `gated`, the film is judged whatever it looks like: a person has seen it, and wants that.
    """
    try:
        film = films.read(upload)
        refuse_others(film)
        answer = endpoint.ask(film, gated=gated)
    except Rejected as rejection:
        return reject(rejection, cutoff, now())
    return judge(answer, cutoff, now())
