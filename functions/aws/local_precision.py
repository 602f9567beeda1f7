"""The local precision, which the worklist writes to a parameter in SSM."""

from dataclasses import dataclass

from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from screening.precision import LocalPrecision, read_text

KNOWN_SECONDS = 3600


@dataclass(frozen=True)
class LocalPrecisions:
    parameters: SSMProvider
    name: str

    def of(self, network: str | None) -> LocalPrecision | None:
        """Return a network's local precision; None without a worklist or with too few reviews."""
        if network is None:
            return None
        try:
            return read_text(str(self.parameters.get(self.name, max_age=KNOWN_SECONDS)), network)
        except GetParameterError:
            return None
