"""The deployed application: the outputs of its stack, and clients for its services."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from aws.endpoint import Endpoint
from aws.queue import Depth, Lanes, NotSent, Queue
from aws.screenings_table import Screenings
from aws.uploads_bucket import Films
from screening.errors import Failure, Mistake

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient


@dataclass
class Application:
    """The application; `parameters` are those that its stacks were deployed with."""

    outputs: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)

    @cached_property
    def s3(self) -> "S3Client":
        return boto3.client("s3")

    @cached_property
    def sqs(self) -> "SQSClient":
        return boto3.client("sqs")

    @cached_property
    def sns(self) -> "SNSClient":
        return boto3.client("sns")

    @cached_property
    def cloudwatch(self) -> Any:  # noqa: ANN401 - the checks have no types for it
        client: Any = boto3.client
        return client("cloudwatch")

    @cached_property
    def sagemaker_api(self) -> Any:  # noqa: ANN401
        client: Any = boto3.client
        return client("sagemaker")

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        return boto3.client("dynamodb")

    @cached_property
    def sagemaker(self) -> "SageMakerRuntimeClient":
        # Adaptive mode slows down when the endpoint throttles.
        retries: Any = {"mode": "adaptive", "total_max_attempts": 5}
        return boto3.client("sagemaker-runtime", config=Config(retries=retries))

    @cached_property
    def logs(self) -> Any:  # noqa: ANN401
        client: Any = boto3.client
        return client("logs")

    @property
    def is_local(self) -> bool:
        """Return whether it runs in the emulator, without SageMaker's API and without alarms."""
        return _is_local(self.sqs.meta.endpoint_url)

    @property
    def films(self) -> Films:
        return Films(self.s3, self.outputs["RenditionsBucketName"], self.outputs["KeyArn"])

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(
            self.sagemaker, self.outputs["EndpointName"], int(self.settings["LARGEST_BODY_MB"])
        )

    @property
    def screenings(self) -> Screenings:
        return Screenings(self.dynamodb, self.outputs["ScreeningsTableName"])

    @property
    def uploads_queues(self) -> Lanes:
        return Lanes(self.queue("UploadsQueueUrl"), self.queue("UploadsBackfillQueueUrl"))

    def films_waiting(self) -> Depth:
        """Return about how many films are waiting to be screened or rendered, without backfills."""
        return self.uploads_queues.today.depth() + self.queue("RenditionsQueueUrl").depth()

    def backfill_waiting(self) -> Depth:
        """Return about how many films of a backfill are waiting to be screened."""
        to_render = self.queue("RenditionsBackfillQueueUrl").depth()
        return self.uploads_queues.backfill.depth() + to_render

    def queue(self, output: str) -> Queue:
        return Queue(lambda: self.sqs, self.outputs[output])

    @cached_property
    def settings(self) -> dict[str, str]:
        """Return the environment of the function that screens films."""
        function: Any = boto3.client("lambda")
        name = self.outputs["ClassifyFunctionName"]
        found = function.get_function_configuration(FunctionName=name)["Environment"]
        variables: dict[str, str] = found["Variables"]
        return variables

    @property
    def cutoff(self) -> Decimal:
        """Return the cutoff that the function applies."""
        return Decimal(self.settings["CUTOFF"])


@contextmanager
def open_application(
    stack: str,
    *,
    worklist: bool = False,
    worklist_if_deployed: bool = False,
    results: bool = False,
) -> Iterator[Application]:
    """Open the application of a stack; an AWS error in the block becomes one sentence."""
    with aws_in_sentences():
        found = find_with_worklist(stack) if worklist else find(stack)
        if worklist_if_deployed:
            found = _with(found, _find(f"{stack}-worklist"))
        if results:  # if its stack is deployed and the caller's policy allows it
            codes = ("ValidationError", "AccessDenied")
            found = _with(found, _find(f"{stack}-results", or_none=codes))
        yield found


@contextmanager
def aws_in_sentences() -> Iterator[None]:
    """Turn an AWS error in the block into one sentence."""
    try:
        yield
    except NoRegionError:
        raise Mistake(f"No AWS region is set. {_SETTINGS}") from None
    except NoCredentialsError:
        raise Mistake(f"There are no AWS credentials. {_SETTINGS}") from None
    except ProfileNotFound as error:
        raise Mistake(f"{_sentence(error)} {_SETTINGS}") from None
    except EndpointConnectionError as error:
        if _is_local(error.kwargs["endpoint_url"]):
            raise Failure(
                "The local application does not answer. Start it with `make up` and type "
                "`. build/local/aws.env` again."
            ) from None
        raise Failure(_sentence(error)) from None
    except ClientError as error:
        raise Failure(_refused(error)) from error
    except (BotoCoreError, NotSent) as error:
        raise Failure(f"AWS did not answer as expected: {_sentence(error)}") from error


_SETTINGS = (
    "Set AWS_PROFILE and AWS_REGION; for the local application, type `. build/local/aws.env`."
)


def _refused(error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    reason = error.response["Error"].get("Message") or "no reason given"
    sentence = f"AWS refused {error.operation_name} ({code}): {reason.rstrip('.')}."
    if "AccessDenied" in code:
        return f"{sentence} docs/runbook.md lists the permissions of each command."
    if "Token" in code or code in ("InvalidClientTokenId", "SignatureDoesNotMatch"):
        return f"{sentence} {_SETTINGS}"
    return sentence


def _sentence(error: Exception) -> str:
    return f"{str(error).rstrip('.')}."


def _is_local(address: str) -> bool:
    return urlsplit(address).hostname in ("127.0.0.1", "localhost")


def find(stack_name: str) -> Application:
    """Return the application deployed under that name."""
    found = _find(stack_name)
    if found is None:
        raise Mistake(
            f"There is no stack {stack_name} in {boto3.session.Session().region_name}. Name "
            f"another with --stack. {_SETTINGS}"
        )
    if "UploadsQueueUrl" not in found.outputs:
        raise Mistake(
            f"The stack {stack_name} is not CXR Alert, or its deployment is not complete."
        )
    if "UploadsBackfillQueueUrl" not in found.outputs:
        raise Mistake(
            f"The stack {stack_name} is of an earlier version than this program. Deploy it again: "
            "sam build && sam deploy."
        )
    return found


def find_with_worklist(stack_name: str) -> Application:
    """Return the application deployed under that name, with the outputs of its worklist's stack."""
    found = find(stack_name)
    worklist = _find(f"{stack_name}-worklist")
    if worklist is None:
        raise Mistake(
            f"There is no stack {stack_name}-worklist; deploy the worklist first: "
            "sam build --config-env worklist && sam deploy --config-env worklist."
        )
    return _with(found, worklist)


def _with(found: Application, more: Application | None) -> Application:
    if more is None:
        return found
    # If both stacks have an output of the same name, the application's is used.
    return Application(found.outputs | more.outputs, more.parameters | found.parameters)


def _find(stack_name: str, or_none: Sequence[str] = ("ValidationError",)) -> Application | None:
    client: Any = boto3.client("cloudformation")
    try:
        (stack,) = client.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in or_none:
            raise
        return None
    return Application(
        {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
        {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])},
    )
