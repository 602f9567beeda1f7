"""What local readers confirmed, which the worklist leaves in SSM; read from there."""

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
        """Return that of a network's alerts; None without a worklist, or with too few reviews."""
        if network is None:
            return None
        try:
            return read_text(str(self.parameters.get(self.name, max_age=KNOWN_SECONDS)), network)
        except GetParameterError:
            return None
