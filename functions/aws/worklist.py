"""What the worklist's stack leaves in SSM when it is deployed, after this one."""

from dataclasses import dataclass

from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from screening.precision import LocalPrecision, read_text

KNOWN_SECONDS = 300


@dataclass(frozen=True)
class WorklistParameters:
    """The parameters' names begin with `prefix`."""

    parameters: SSMProvider
    prefix: str

    def address(self) -> str:
        """Return the address, or "" where there is none: a message without a link still counts."""
        try:
            return str(self.parameters.get(f"{self.prefix}-address", max_age=KNOWN_SECONDS))
        except GetParameterError:
            return ""

    def hides_scores(self) -> bool:
        """Return whether some films are to be read without their score.

        They are where SSM does not answer: a score that was mailed can't be taken back.
        """
        try:
            share = self.parameters.get(f"{self.prefix}-sample-share", max_age=KNOWN_SECONDS)
        except GetParameterError as error:
            return not _is_missing(error)
        return float(str(share)) > 0

    def precision(self, network: str | None) -> LocalPrecision | None:
        """Return what readers confirmed of a network's alerts; None where too few were reviewed."""
        if network is None:
            return None
        try:
            found = self.parameters.get(f"{self.prefix}-precision", max_age=KNOWN_SECONDS)
        except GetParameterError:
            return None
        return read_text(str(found), network)


def _is_missing(error: GetParameterError) -> bool:
    cause = error.__cause__ or error.__context__
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "ParameterNotFound"
