"""The deployed application: the names in its stack's outputs, and clients for its services."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from aws.queue import Depth, NotSent, Queue
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
    outputs: dict[str, str]

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
        # Adaptive: it slows down of itself when the endpoint throttles.
        retries: Any = {"mode": "adaptive", "total_max_attempts": 5}
        return boto3.client("sagemaker-runtime", config=Config(retries=retries))

    @cached_property
    def logs(self) -> Any:  # noqa: ANN401
        client: Any = boto3.client
        return client("logs")

    @property
    def is_local(self) -> bool:
        """Whether it runs in the emulator, which lacks SageMaker's API and raises no alarm."""
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
    def uploads_queue(self) -> Queue:
        return self.queue("UploadsQueueUrl")

    def films_waiting(self) -> Depth:
        """About how many films are yet to be screened, those to be rendered first among them."""
        return self.uploads_queue.depth() + self.queue("RenditionsQueueUrl").depth()

    def queue(self, output: str) -> Queue:
        return Queue(lambda: self.sqs, self.outputs[output])

    @cached_property
    def settings(self) -> dict[str, str]:
        """The environment of the function that screens films."""
        function: Any = boto3.client("lambda")
        name = self.outputs["ClassifyFunctionName"]
        found = function.get_function_configuration(FunctionName=name)["Environment"]
        variables: dict[str, str] = found["Variables"]
        return variables

    @property
    def cutoff(self) -> Decimal:
        """The cutoff that the function applies."""
        return Decimal(self.settings["CUTOFF"])


@contextmanager
def open_application(
    stack: str, *, worklist: bool = False, results: bool = False
) -> Iterator[Application]:
    """The application of a stack; an error of AWS meanwhile becomes one sentence."""
    try:
        found = find_with_worklist(stack) if worklist else find(stack)
        if results:  # where its stack is deployed, and the caller has its policy
            also = _outputs(f"{stack}-results", or_none=("ValidationError", "AccessDenied"))
            found = Application(found.outputs | (also or {}))
        yield found
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
    said = error.response["Error"].get("Message") or "no reason given"
    sentence = f"AWS refused {error.operation_name} ({code}): {said.rstrip('.')}."
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
    """Return the application that was deployed under that name."""
    outputs = _outputs(stack_name)
    if outputs is None:
        raise Mistake(
            f"There is no stack {stack_name} in {boto3.session.Session().region_name}. Name "
            f"another with --stack. {_SETTINGS}"
        )
    if "UploadsQueueUrl" not in outputs:
        raise Mistake(f"The stack {stack_name} is not CXR Alert, or its deployment is not done.")
    return Application(outputs)


def find_with_worklist(stack_name: str) -> Application:
    """Return the application of that name, with the outputs of its worklist's stack as well."""
    found = find(stack_name)
    outputs = _outputs(f"{stack_name}-worklist")
    if outputs is None:
        raise Mistake(
            f"There is no stack {stack_name}-worklist; deploy the worklist first: "
            "sam build --config-env worklist && sam deploy --config-env worklist."
        )
    return Application(found.outputs | outputs)


def _outputs(
    stack_name: str, or_none: Sequence[str] = ("ValidationError",)
) -> dict[str, str] | None:
    client: Any = boto3.client("cloudformation")
    try:
        (stack,) = client.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in or_none:
            raise
        return None
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
