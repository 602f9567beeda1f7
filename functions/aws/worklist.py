"""The parameters in SSM that the worklist's stack writes when it is deployed."""

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from screening.precision import LocalPrecision, read_text

KNOWN_SECONDS = 300


class OptionalParameters(SSMProvider):
    """Parameters that may be absent: an absent one is "", which is remembered like a value."""

    def _get(self, name: str, decrypt: bool = False, **options: Any) -> str:  # noqa: ANN401 - SSM's
        try:
            return super()._get(name, decrypt, **options)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ParameterNotFound":
                raise
            return ""


@dataclass(frozen=True)
class WorklistParameters:
    """The parameters of the worklist; their names begin with `prefix`."""

    parameters: OptionalParameters
    prefix: str

    def address(self) -> str:
        """Return the address, or "" if there is none; messages are then sent without a link."""
        try:
            return self._text("address")
        except GetParameterError:
            return ""

    def hides_scores(self) -> bool:
        """Return whether some films are for blinded reading.

        The answer is yes if SSM does not answer: a score that was mailed can't be taken back.
        """
        try:
            return float(self._text("sample-share") or 0) > 0
        except GetParameterError:
            return True

    def precision(self, network: str | None) -> LocalPrecision | None:
        """Return a network's local precision, or None with too few reviews."""
        if network is None:
            return None
        try:
            return read_text(self._text("precision"), network)
        except GetParameterError:
            return None

    def _text(self, name: str) -> str:
        """Return a parameter's text, "" if it is absent. Raises GetParameterError."""
        return str(self.parameters.get(f"{self.prefix}-{name}", max_age=KNOWN_SECONDS))
