"""What the classify function's start costs: `python benchmarks/function_start.py [--rounds N]`.

Compares, in fresh processes taken in turn, importing the handler (which makes its clients) with
importing boto3 and making the same clients alone; then weighs the bundle that `sam build` made.
Prints a table and writes build/function_start.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / ".aws-sam" / "build" / "ClassifyFunction"
OUT = ROOT / "build" / "function_start.json"

TIMED = "import time; start = time.perf_counter(); {work}; print(time.perf_counter() - start)"
OURS = "import classify.app"
BOTO3 = (
    "import boto3; session = boto3.session.Session(); "
    "[session.client(name) for name in ('s3', 'sagemaker-runtime', 'dynamodb', 'sns')]"
)
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "ENDPOINT_NAME": "cxr-alert",
    "CUTOFF": "0.1",
    "SCREENINGS_TABLE": "screenings",
    "ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:alerts",
    "UPLOADS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/uploads",
    "RETRY_SECONDS": "15",
    "POWERTOOLS_SERVICE_NAME": "classify",
    "POWERTOOLS_METRICS_NAMESPACE": "CxrAlert",
    "PYTHONPATH": str(ROOT / "functions"),
    "PATH": os.environ["PATH"],
}


def seconds(work: str) -> float:
    """Return what `work` takes in a process of its own, without the interpreter's start."""
    command = [sys.executable, "-c", TIMED.format(work=work)]
    done = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True)
    return float(done.stdout)


def bundle_megabytes() -> dict[str, float]:
    """Return the bundle's size unzipped, powertools apart; empty before a `sam build`."""
    sizes = {"powertools": 0, "other": 0}
    for file in BUNDLE.rglob("*"):
        if file.is_file():
            top = file.relative_to(BUNDLE).parts[0]
            sizes["powertools" if top.startswith("aws_lambda_powertools") else "other"] += (
                file.stat().st_size
            )
    return {name: size / 1e6 for name, size in sizes.items()} if BUNDLE.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds: int = parser.parse_args().rounds

    for work in (OURS, BOTO3):  # compiles, and fills the disk cache
        seconds(work)
    ours, boto3 = [], []
    for _ in track(range(rounds), "Starting the function", transient=True):
        ours.append(seconds(OURS))
        boto3.append(seconds(BOTO3))

    result = {
        "name": "function start: import and clients",
        "unit": "s",
        "ours": statistics.median(ours),
        "other": statistics.median(boto3),
        "other_name": "boto3 with the same clients",
        "ratio": statistics.median(ours) / statistics.median(boto3),
        "ours_range": [min(ours), max(ours)],
        "other_range": [min(boto3), max(boto3)],
        "rounds": rounds,
        "bundle_megabytes": bundle_megabytes(),
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")

    table = Table("Start of the function", "median ms", "from", "to")
    for name, times in (("classify.app", ours), (str(result["other_name"]), boto3)):
        cells = (statistics.median(times), min(times), max(times))
        table.add_row(name, *(f"{1000 * cell:.0f}" for cell in cells))
    table.add_row("ratio", f"{result['ratio']:.2f}", "", "")
    for name, size in bundle_megabytes().items():
        table.add_row(f"bundle: {name}", f"{size:.2f} MB", "", "")
    Console().print(table)


if __name__ == "__main__":
    main()
