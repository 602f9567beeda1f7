"""The worklist's address, which its stack writes to a parameter in SSM."""

from dataclasses import dataclass

from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

KNOWN_SECONDS = 300


@dataclass(frozen=True)
class WorklistAddress:
    parameters: SSMProvider
    name: str

    def find(self) -> str:
        """Return the address, or "" if there is none; messages are then sent without a link."""
        try:
            return str(self.parameters.get(self.name, max_age=KNOWN_SECONDS))
        except GetParameterError:
            return ""
