"""The SageMaker endpoint; `_sort` classifies every answer and error that it can give."""

import random
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws.clients import longest_wait
from aws.deadline import within
from aws.errors import AWS_ERRORS
from screening.formats import format_of
from screening.judgement import Answer, read_probability
from screening.refusals import Code, Rejected, TryAgain

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sagemaker_runtime.type_defs import InvokeEndpointOutputTypeDef

# A 4xx of the container means that it refuses the film, except for these: no film can cause them,
# so the container is wrong or busy. If they were final, every film would be rejected.
_NOT_THE_FILM = {401, 403, 404, 405, 407, 408, 425, 429}
# Error codes that mean that the endpoint is busy, or that its container is still starting.
_BUSY = {"ThrottlingException", "TooManyRequestsException", "ModelNotReadyException", "429"}
# SageMaker reports a body that is too large in the text of a general error, or as a status.
_OVERSIZE = re.compile(r"oversize body|content length exceeded|payload.*too large", re.IGNORECASE)
_OVERSIZE_CODES = {"413", "RequestEntityTooLargeException"}
# The container's refusal of an unsuitable image: a code and a reason, "adult: This looks like ...".
_NO_FILM_FOR_IT = 422
_CODED = re.compile(r"([a-z_]{1,40}): (.+)")
_GATE_OFF = "gate=off"
_STATUS_CODES = {413: Code.TOO_LARGE, 415: Code.FORMAT}
_LONGEST_REASON = 300

LARGEST_MB = 25  # limit of a real-time endpoint; a serverless one takes 4
BUSY_SECONDS = 60  # the sum of all waits for one film
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 2.0  # short, so that the endpoint is never idle while films wait


class Oversize(Rejected):
    """The film is larger than SageMaker accepts for this endpoint."""


class NotAnswered(TryAgain):
    """The endpoint did not answer.

    `code` is AWS's error code, or the name of the SDK's error if AWS did not `refuse` the request.
    AWS's own text, `words`, is not part of the message, which is logged: it may name a film.
    """

    def __init__(self, sentence: str, code: str, words: str = "", *, refused: bool = True) -> None:
        super().__init__(sentence)
        self.code = code
        self.words = words
        self.refused = refused


class _Busy(NotAnswered):
    """The endpoint is at its limit of concurrent films, and will take more shortly."""


@dataclass(frozen=True)
class Endpoint:
    client: "SageMakerRuntimeClient"
    name: str
    largest_mb: int = LARGEST_MB
    busy_seconds: float = BUSY_SECONDS

    def ask(self, film: bytes, *, gated: bool = True) -> Answer:
        """Return the endpoint's answer for one film; wait while the endpoint is busy.

        If not `gated`, the film is judged even if the gate would reject it.
        Waiting does not use up the film's tries. The waits are random, so that films that
        were refused together are not sent again together.
        """
        deadline = time.monotonic() + self.busy_seconds
        longest = _FIRST_WAIT_SECONDS
        while True:
            try:
                return self._ask(film, gated=gated)
            except _Busy:
                wait = random.uniform(longest / 4, longest)  # noqa: S311 - no secret
                if time.monotonic() + wait > deadline:
                    raise
                time.sleep(wait)
                longest = min(longest * 2, _LONGEST_WAIT_SECONDS)

    def _ask(self, film: bytes, *, gated: bool) -> Answer:
        overruling: dict[str, str] = {} if gated else {"CustomAttributes": _GATE_OFF}

        def invoke() -> tuple["InvokeEndpointOutputTypeDef", bytes]:
            response = self.client.invoke_endpoint(
                EndpointName=self.name,
                Body=film,
                ContentType=_content_type(film),
                Accept="application/json",
                **overruling,
            )
            with response["Body"]:  # `as` would bind the raw stream, with other errors
                return response, response["Body"].read()

        try:
            response, answer = within(longest_wait("sagemaker-runtime"), invoke)
        except ClientError as error:
            raise _sort(error, len(film)) from None
        except (*AWS_ERRORS, TimeoutError) as error:
            name = type(error).__name__
            raise NotAnswered(
                f"The endpoint did not answer: {name}.", name, refused=False
            ) from None
        attributes = response.get("CustomAttributes", "")
        return Answer(
            probability=read_probability(answer),
            model=_attribute("model", attributes),
            variant=response.get("InvokedProductionVariant") or None,
            gate=_attribute("gate", attributes),
            map=_attribute("map", attributes),
        )


def _content_type(film: bytes) -> str:
    """Return the media type by the first bytes, since file names are unreliable."""
    known = format_of(film)
    return known.content_type if known else "application/octet-stream"


def _sort(error: ClientError, size: int) -> Rejected | NotAnswered:
    """Return the error to raise: final only if the film is surely at fault, otherwise a retry."""
    response: Any = error.response  # with the members of SageMaker's own errors
    code = response["Error"]["Code"]
    words = response["Error"].get("Message", "")
    if code == "ModelError":
        status = int(response.get("OriginalStatusCode") or 0)
        if 400 <= status < 500 and status not in _NOT_THE_FILM:
            return _refusal(response.get("OriginalMessage"), status)
        return NotAnswered(f"The endpoint's container failed with status {status}.", code, words)
    if code in _BUSY:
        return _Busy(f"The endpoint is busy: {code}.", code, words)
    if code in _OVERSIZE_CODES or _OVERSIZE.search(words):
        return Oversize(
            Code.TOO_LARGE,
            f"The file has {size / 1024**2:.1f} MB, more than the endpoint takes (a serverless one "
            "4 MB, others 25 MB). Export the film smaller and drop it again.",
        )
    if code == "ValidationError" and re.search(r"not found|in ?service", words, re.IGNORECASE):
        return NotAnswered("The endpoint does not exist or is not in service.", code, words)
    return NotAnswered(f"The endpoint could not be asked: {code}.", code, words)


def _refusal(message: object, status: int) -> Rejected:
    line = " ".join(message.split()) if isinstance(message, str) else ""
    code: str = _STATUS_CODES.get(status, Code.UNREADABLE)
    if status == _NO_FILM_FOR_IT and (coded := _CODED.fullmatch(line)):
        code, line = coded.groups()
    reason = line[:_LONGEST_REASON] or f"The endpoint refused the image (status {status})."
    return Rejected(code, reason)


def _attribute(name: str, custom_attributes: str) -> str | None:
    found = re.search(rf"(?:^|[,;\s]){name}=([^,;\s]+)", custom_attributes)
    return found[1] if found else None
