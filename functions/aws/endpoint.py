"""The SageMaker endpoint: every answer that it can give is sorted here, see `_sort`."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from screening.formats import format_of
from screening.judgement import Answer, read_probability
from screening.refusals import Rejected, TryAgain

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

# A 4xx of the container is about the film, but for these, which no film can cause: the container
# is the wrong one, or busy. To call those final would reject, and never alert, every film.
_NOT_THE_FILM = {401, 403, 404, 405, 407, 408, 425, 429}
_LONGEST_REASON = 300


class NotAnswered(TryAgain):
    """The endpoint gave no answer.

    `code` is AWS's error code, or the name of the SDK's error where AWS did not `refuse`. AWS's
    own `words` stay out of the message: that is logged, and they may name a film.
    """

    def __init__(self, sentence: str, code: str, words: str = "", *, refused: bool = True) -> None:
        super().__init__(sentence)
        self.code = code
        self.words = words
        self.refused = refused


@dataclass(frozen=True)
class Endpoint:
    client: "SageMakerRuntimeClient"
    name: str

    def ask(self, film: bytes) -> Answer:
        """Return the endpoint's answer about one film."""
        try:
            response = self.client.invoke_endpoint(
                EndpointName=self.name,
                Body=film,
                ContentType=_content_type(film),
                Accept="application/json",
            )
            with response["Body"]:  # `as` would give the raw stream, with other errors
                answer = response["Body"].read()
        except ClientError as error:
            raise _sort(error) from None
        except BotoCoreError as error:
            name = type(error).__name__
            raise NotAnswered(
                f"The endpoint did not answer: {name}.", name, refused=False
            ) from None
        return Answer(
            probability=read_probability(answer),
            model=_model(response.get("CustomAttributes", "")),
            variant=response.get("InvokedProductionVariant") or None,
        )


def _content_type(film: bytes) -> str:
    """By its first bytes: file names are not to be trusted."""
    known = format_of(film)
    return known.content_type if known else "application/octet-stream"


def _sort(error: ClientError) -> Rejected | NotAnswered:
    response: Any = error.response  # with the members of SageMaker's own errors
    code = response["Error"]["Code"]
    words = response["Error"].get("Message", "")
    if code == "ModelError":
        status = int(response.get("OriginalStatusCode") or 0)
        if 400 <= status < 500 and status not in _NOT_THE_FILM:
            return Rejected(_reason(response.get("OriginalMessage"), status))
        return NotAnswered(f"The endpoint's container failed with status {status}.", code, words)
    if code == "ValidationError":
        # SageMaker says so too while an endpoint is missing or not in service yet.
        if re.search(r"not found|in ?service", words, re.IGNORECASE):
            return NotAnswered("The endpoint does not exist or is not in service.", code, words)
        return Rejected(_reason(words, 400))
    return NotAnswered(f"The endpoint could not be asked: {code}.", code, words)


def _reason(message: object, status: int) -> str:
    line = " ".join(message.split()) if isinstance(message, str) else ""
    return line[:_LONGEST_REASON] or f"The endpoint refused the image (status {status})."


def _model(custom_attributes: str) -> str | None:
    found = re.search(r"(?:^|[,;\s])model=([^,;\s]+)", custom_attributes)
    return found[1] if found else None
