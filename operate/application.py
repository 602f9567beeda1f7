"""The deployed application: the names in its stack's outputs, and clients for its services."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from aws.endpoint import Endpoint
from aws.queue import Depth, Queue
from aws.screenings_table import Screenings
from aws.uploads_bucket import Films
from cxr_alert.errors import Mistake

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

    @property
    def films(self) -> Films:
        return Films(self.s3, self.outputs["RenditionsBucketName"])

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
        """The function's environment: what it works with."""
        function: Any = boto3.client("lambda")
        name = self.outputs["ClassifyFunctionName"]
        found = function.get_function_configuration(FunctionName=name)["Environment"]
        variables: dict[str, str] = found["Variables"]
        return variables

    @property
    def cutoff(self) -> Decimal:
        """The cutoff that the function applies."""
        return Decimal(self.settings["CUTOFF"])


def find(stack_name: str) -> Application:
    """Return the application that was deployed under that name."""
    outputs = _outputs(stack_name)
    if outputs is None:
        raise Mistake(
            f"There is no stack {stack_name} in {boto3.session.Session().region_name}; "
            "name another with --stack, or set AWS_REGION or AWS_PROFILE."
        )
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


def _outputs(stack_name: str) -> dict[str, str] | None:
    client: Any = boto3.client("cloudformation")
    try:
        (stack,) = client.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
