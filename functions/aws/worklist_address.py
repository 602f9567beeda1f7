"""The worklist's address, which its stack leaves in SSM when it is deployed, after this one."""

from dataclasses import dataclass

from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

KNOWN_SECONDS = 300


@dataclass(frozen=True)
class WorklistAddress:
    parameters: SSMProvider
    name: str

    def find(self) -> str:
        """Return the address, or "" where there is none: a message without a link still counts."""
        try:
            return str(self.parameters.get(self.name, max_age=KNOWN_SECONDS))
        except GetParameterError:
            return ""
