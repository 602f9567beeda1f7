"""One film from the bucket to its judgement; screening and screening again both go through here."""

from decimal import Decimal

from aws.endpoint import Endpoint
from aws.uploads_bucket import Films
from screening.clock import now
from screening.judgement import Judgement, judge, reject
from screening.refusals import Rejected
from screening.upload import Upload


def examine(upload: Upload, films: Films, endpoint: Endpoint, cutoff: Decimal) -> Judgement:
    """Read the film, ask the endpoint, apply the cutoff; raises TryAgain if the film can wait."""
    try:
        answer = endpoint.ask(films.read(upload))
    except Rejected as rejection:
        return reject(str(rejection), cutoff, now())
    return judge(answer, cutoff, now())
