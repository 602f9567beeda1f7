"""The classify function: the cost of a start, and of a film afterwards."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.inputs import ROOT, SAMPLES, WORK
from benchmarks.rows import Row, compare
from cxr_alert.local import container, environment
from cxr_alert.local.stack import Stack
from screening.config import DEFAULT_CUTOFF, Config, environment_of

SECTION = "Function"
BATCHES = (1, 10)
FILMS = 48
WARM_ONE = "warm CPU per film, batch of 1, the SDK's calls included"
WARM_TEN = "warm CPU per film, batch of 10, the SDK's calls included"

TIMED = "import time; start = time.perf_counter(); {work}; print(time.perf_counter() - start)"
OURS = "import classify.app"
BOTO3 = (
    "import boto3; session = boto3.session.Session(); "
    "[session.client(name) for name in ('s3', 'sagemaker-runtime', 'dynamodb', 'sns')]"
)
CONFIG = Config(
    endpoint_name=container.ENDPOINT_NAME,
    cutoff=DEFAULT_CUTOFF,
    screenings_table="screenings",
    alerts_topic_arn="arn:aws:sns:us-east-1:123456789012:alerts",
    uploads_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/uploads",
    uploads_backfill_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/old-uploads",
    dead_letter_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/uploads",
    most_tries=100,
    largest_body_mb=25,
    stack_name="cxr-alert",
    renditions_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/renditions",
    renditions_backfill_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/old-renditions",
    renditions_bucket="renditions",
    key_arn="arn:aws:kms:us-east-1:123456789012:key/none",
    retry_seconds=15,
    record_retention_days=0,
)
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    **environment_of(CONFIG),
    "PYTHONPATH": str(ROOT / "functions"),
    "PATH": os.environ["PATH"],
}
SHOWN = {
    "botocore": "botocore's own",
    "boto3": "boto3's own",
    "aws_lambda_powertools": "powertools' own",
    "classify": "ours, including creation of the clients",
}
_IMPORT = re.compile(r"import time: +(\d+) \| +\d+ \| +([\w.]+)")


def measure_start(rounds: int, say: Callable[[str], None]) -> list[Row]:
    """Measure import and clients in fresh processes, against boto3 with the same clients."""
    for work in (OURS, BOTO3):  # compiles, and fills the disk cache
        _seconds(work)
    ours, boto3 = [], []
    for number in range(rounds):
        say(f"Start of the function: round {number + 1} of {rounds}")
        ours.append(1000 * _seconds(OURS))
        boto3.append(1000 * _seconds(BOTO3))
    packages = _imports()
    rest = sum(taken for name, taken in packages.items() if name not in SHOWN)
    return [
        compare(
            SECTION,
            "cold start: imports and clients",
            "ms",
            ours,
            boto3,
            "boto3 with the same clients",
            at_most=1.3,
        ),
        *(Row(SECTION, f"imports: {SHOWN[name]}", "ms", packages[name]) for name in SHOWN),
        Row(SECTION, "imports: everything else (urllib3, standard library)", "ms", rest),
    ]


def _seconds(work: str) -> float:
    """Return the time of `work` in a new process, without the interpreter's start."""
    done = _python("-c", TIMED.format(work=work))
    return float(done.stdout)


def _imports() -> dict[str, float]:
    """Return the milliseconds that each package itself takes to import."""
    packages: dict[str, float] = defaultdict(float)
    for microseconds, module in _IMPORT.findall(_python("-X", "importtime", "-c", OURS).stderr):
        packages[module.partition(".")[0]] += int(microseconds) / 1000
    return packages


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=ENVIRONMENT, check=True, capture_output=True, text=True
    )


def measure_warm(stack: Stack, rounds: int, say: Callable[[str], None]) -> list[Row]:
    """Measure the handler in a new process, with the stack's services and container."""
    bucket = "cxr-alert-benchmark-films"
    stack.s3.create_bucket(Bucket=bucket)
    films = []
    for film in SAMPLES:
        body = film.read_bytes()
        etag = stack.s3.put_object(Bucket=bucket, Key=film.name, Body=body)["ETag"]
        films.append({"key": film.name, "etag": etag.strip('"'), "size": len(body)})
    task = WORK / "warm_function.json"
    task.write_text(json.dumps({"bucket": bucket, "films": films}))
    figures: dict[int, list[dict[str, float]]] = {batch: [] for batch in BATCHES}
    for number in range(rounds):
        say(f"Warm function: round {number + 1} of {rounds}")
        for batch in BATCHES:
            arguments = [str(task), str(batch), str(FILMS)]
            command = [sys.executable, "-m", "benchmarks.warm_function", *arguments]
            done = subprocess.run(
                command, cwd=ROOT, env=_warm_environment(stack), check=True, capture_output=True
            )
            figures[batch].append(json.loads(done.stdout.splitlines()[-1]))

    def all_of(batch: int, what: str) -> list[float]:
        return [each[what] for each in figures[batch]]

    return [
        compare(SECTION, WARM_ONE, "ms", all_of(1, "cpu_ms"), at_most=8),
        compare(SECTION, "of that, without the SDK's calls, batch of 1", "ms", all_of(1, "own_ms")),
        compare(SECTION, WARM_TEN, "ms", all_of(10, "cpu_ms"), at_most=8),
        compare(
            SECTION, "of that, without the SDK's calls, batch of 10", "ms", all_of(10, "own_ms")
        ),
        compare(SECTION, "memory after films in batches of 10", "MB", all_of(10, "memory_mb")),
        *_bundle_rows(stack.settings.state / "build" / "ClassifyFunction"),
    ]


def _warm_environment(stack: Stack) -> dict[str, str]:
    config = replace(
        CONFIG,
        screenings_table=stack.outputs["ScreeningsTableName"],
        alerts_topic_arn=stack.outputs["AlertsTopicArn"],
        uploads_queue_url=stack.outputs["UploadsQueueUrl"],
        uploads_backfill_queue_url=stack.outputs["UploadsBackfillQueueUrl"],
        renditions_queue_url=stack.outputs["RenditionsQueueUrl"],
        renditions_backfill_queue_url=stack.outputs["RenditionsBackfillQueueUrl"],
        renditions_bucket=stack.outputs["RenditionsBucketName"],
        key_arn=stack.outputs["KeyArn"],
    )
    return {
        **ENVIRONMENT,
        **environment.aws(stack.endpoint_url),
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": stack.container_url,
        **environment_of(config),
    }


def _bundle_rows(bundle: Path) -> list[Row]:
    files = [file for file in bundle.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    archive = WORK / "bundle.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            packed.write(file, file.relative_to(bundle))
    return [
        Row(SECTION, "bundle, unpacked", "MB", sum(file.stat().st_size for file in files) / 1e6),
        Row(SECTION, "bundle, zipped", "MB", archive.stat().st_size / 1e6),
    ]
