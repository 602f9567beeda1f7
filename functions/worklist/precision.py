"""The handler that publishes local precision once a day, for mails and results to show."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools import Logger

from aws.clients import WorklistClients
from aws.handler import Handler
from screening.clock import now
from screening.config import PARAMETER, TABLE, Variable
from screening.precision import as_text
from worklist.rules.performance import local_precisions
from worklist.tables.reviewed import read_cases
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

DAYS = 365  # reviews of films uploaded in these days count
_MOST_NETWORKS = 20  # a parameter in SSM holds 4 KB

logger = Logger(service="precision")


@dataclass(frozen=True)
class Config:
    worklist_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    reviews_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    local_precision_parameter: Annotated[str, Variable(PARAMETER, "the name of a parameter in SSM")]


def make_handler(config: Config, clients: WorklistClients) -> Handler[dict[str, int]]:
    """Return the function that Lambda calls each day; it returns the number of networks."""
    worklist = WorklistTable(clients.dynamodb, config.worklist_table)
    reviews = ReviewsTable(clients.dynamodb, config.reviews_table)

    def handler(_: dict[str, Any], __: "LambdaContext") -> dict[str, int]:
        until = now()
        cases = read_cases(worklist, reviews, until - timedelta(days=DAYS), until)
        found = local_precisions(cases)
        latest = dict(sorted(found.items(), key=lambda each: each[1].of)[-_MOST_NETWORKS:])
        clients.ssm.put_parameter(
            Name=config.local_precision_parameter,
            Value=as_text(latest),
            Type="String",
            Overwrite=True,
        )
        logger.info("Local precision published", networks=len(latest))
        return {"networks": len(latest)}

    return handler
