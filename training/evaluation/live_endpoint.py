"""A live SageMaker endpoint as a predictor, asked by the same module that the function uses."""

import random
import time
from dataclasses import dataclass, field

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoRegionError

from aws.endpoint import Endpoint as FunctionsEndpoint
from aws.endpoint import NotAnswered
from imaging.refusals import NotReadable
from screening.refusals import Rejected, TryAgain
from serving.gate import KINDS, OutOfDistribution
from training.evaluation.predictor import NoAnswer, ParallelPredictor, Probabilities

AT_ONCE = 8
ATTEMPTS = 6  # for errors that botocore does not retry; the last one comes within 12 s
FIRST_WAIT_SECONDS = 0.4
READ_SECONDS = 70  # an endpoint answers within 60
# These errors may disappear after a moment; the others last until someone acts.
_PASSING = {
    "InternalDependencyException",
    "InternalFailure",
    "ModelError",
    "ModelNotReadyException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "ThrottlingException",
}
_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}


@dataclass(frozen=True)
class LiveEndpoint:
    asked: FunctionsEndpoint
    models: set[str] = field(default_factory=set)  # names of the networks that have answered

    @property
    def name(self) -> str:
        named = " and ".join(sorted(self.models)) or "a network without a name"
        return f"{named}, behind endpoint {self.asked.name}"

    def classify(self, film: bytes, *, gated: bool = False) -> Probabilities:
        """Return the probabilities (normal, pneumonia) for the film in an image file.

        Waits longer each time while the endpoint is throttled, starts or fails. Raises NotReadable
        with the endpoint's reason for an image that it can't read, OutOfDistribution for one that
        its gate rejects, and NoAnswer if it can't be asked.
        """
        for attempt in range(ATTEMPTS):
            try:
                answer = self.asked.ask(film, gated=gated)
            except Rejected as rejected:
                if rejected.code in KINDS:
                    raise OutOfDistribution(rejected.code, str(rejected)) from None
                refused = NotReadable(str(rejected))
                refused.code = rejected.code
                raise refused from None
            except NotAnswered as problem:
                # The function retries everything; AWS's code says whether that helps.
                if problem.code not in _PASSING or attempt + 1 == ATTEMPTS:
                    raise NoAnswer(self._sentence(problem)) from None
                time.sleep(FIRST_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311
            except TryAgain as problem:  # the answer is not a probability
                raise NoAnswer(f"Endpoint {self.asked.name} did not answer. {problem}") from None
            else:
                if answer.model:
                    self.models.add(answer.model)
                pneumonia = float(answer.probability)
                return 1 - pneumonia, pneumonia
        raise AssertionError("unreachable")

    def _sentence(self, problem: NotAnswered) -> str:
        name, region = self.asked.name, self.asked.client.meta.region_name
        code = problem.code
        if code in _CREDENTIALS:
            return (
                f"Endpoint {name} is on AWS, but no AWS credentials "
                "were found: run `aws configure`, or set AWS_PROFILE."
            )
        if code == "ValidationError":
            return (
                f"There is no endpoint {name} in service in {region}: "
                "`aws sagemaker list-endpoints` shows those that are; AWS_DEFAULT_REGION chooses "
                "another region."
            )
        if problem.refused and code not in _PASSING:
            return f"AWS does not permit calls of endpoint {name} ({code}): {problem.words}"
        return f"Endpoint {name} did not answer. {problem}"


def connect(name: str) -> ParallelPredictor:
    """Connect to endpoint `name`; raise NoAnswer if AWS can't be reached at all."""
    limits = Config(
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=AT_ONCE,
    )
    try:
        client = boto3.client("sagemaker-runtime", config=limits)
    except NoRegionError:
        raise NoAnswer(
            f"No region is set for endpoint {name}: set AWS_DEFAULT_REGION, or run `aws configure`."
        ) from None
    except BotoCoreError as error:
        raise NoAnswer(f"AWS can't be asked: {error}.") from None
    endpoint = LiveEndpoint(FunctionsEndpoint(client, name))
    return ParallelPredictor(endpoint, f"endpoint {name}", AT_ONCE)
