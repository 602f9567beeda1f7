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
            raise TryAgain(f"The endpoint did not answer: {type(error).__name__}.") from None
        return Answer(
            probability=read_probability(answer),
            model=_model(response.get("CustomAttributes", "")),
            variant=response.get("InvokedProductionVariant") or None,
        )


def _content_type(film: bytes) -> str:
    """By its first bytes: file names are not to be trusted."""
    known = format_of(film)
    return known.content_type if known else "application/octet-stream"


def _sort(error: ClientError) -> Rejected | TryAgain:
    response: Any = error.response  # with the members of SageMaker's own errors
    code = response["Error"]["Code"]
    if code == "ModelError":
        status = int(response.get("OriginalStatusCode") or 0)
        if 400 <= status < 500 and status not in _NOT_THE_FILM:
            return Rejected(_reason(response.get("OriginalMessage"), status))
        return TryAgain(f"The endpoint's container failed with status {status}.")
    if code == "ValidationError":
        message = response["Error"].get("Message", "")
        # SageMaker says so too while an endpoint is missing or not in service yet.
        if re.search(r"not found|in ?service", message, re.IGNORECASE):
            return TryAgain("The endpoint does not exist or is not in service.")
        return Rejected(_reason(message, 400))
    return TryAgain(f"The endpoint could not be asked: {code}.")


def _reason(message: object, status: int) -> str:
    line = " ".join(message.split()) if isinstance(message, str) else ""
    return line[:_LONGEST_REASON] or f"The endpoint refused the image (status {status})."


def _model(custom_attributes: str) -> str | None:
    found = re.search(r"(?:^|[,;\s])model=([^,;\s]+)", custom_attributes)
    return found[1] if found else None
