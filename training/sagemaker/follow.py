"""A training job's log, line by line while it runs."""

import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError

from training.sagemaker.cloud import Client

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
ENDED = ("Completed", "Failed", "Stopped")


def follow(
    session: boto3.Session, job: str, tell: Callable[[str], None], pause: float = 5.0
) -> dict[str, Any]:
    """Tell each line of the job's log, and each change of its state, until it has ended.

    Returns what DescribeTrainingJob says of it then. Looks every `pause` seconds.
    """
    sagemaker, logs = session.client("sagemaker"), session.client("logs")
    tokens: dict[str, str] = {}
    state = ""
    while True:
        description: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=job)
        if description.get("SecondaryStatus", "") != state:
            state = description.get("SecondaryStatus", "")
            tell(f"[{state}]")
        for stream in _streams(logs, job):
            _tell_new_lines(logs, stream, tokens, tell)
        if description["TrainingJobStatus"] in ENDED:
            return description
        time.sleep(pause)


def _streams(logs: Client, job: str) -> list[str]:
    try:
        answer = logs.describe_log_streams(
            logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/", orderBy="LogStreamName"
        )
    except ClientError as error:
        # An account's first job makes the group, some time after it has begun.
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return []
        raise
    return [stream["logStreamName"] for stream in answer["logStreams"]]


def _tell_new_lines(
    logs: Client, stream: str, tokens: dict[str, str], tell: Callable[[str], None]
) -> None:
    while True:
        seen = {"nextToken": tokens[stream]} if stream in tokens else {}
        answer = logs.get_log_events(
            logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, **seen
        )
        tokens[stream] = answer["nextForwardToken"]
        if not answer["events"]:
            return
        for event in answer["events"]:
            tell(event["message"].rstrip())
