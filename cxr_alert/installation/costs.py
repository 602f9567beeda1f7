"""The costs of the installation, from the prices that `deploy` and the bill use."""

from training.sagemaker import endpoint
from training.sagemaker.endpoint import Instances, Serverless
from training.sagemaker.prices import HOURS_A_MONTH, read_prices


def standing() -> float:
    """Return the monthly costs of application, worklist and results stack without a film."""
    prices = read_prices()
    around, stacks = prices["around"], prices["stacks"]
    polls = stacks["polled_queues"] * prices["load"]["polls_a_minute"] * 60 * HOURS_A_MONTH
    return float(
        around["kms_key_month"]
        + stacks["alarm_metrics"] * around["alarm_metric_month"]
        + stacks["hourly_metrics"] * around["metric_month"]
        + polls * around["sqs_request"]
    )


def of_drift() -> str:
    prices = read_prices()
    drift, around = prices["drift"], prices["around"]
    metrics = drift["metrics"] * drift["hours_a_day"] / 24
    alarms = drift["alarm_metrics"] * around["alarm_metric_month"]
    return f"${alarms + metrics * around['metric_month']:.2f} a month"


def of_image() -> str:
    image = read_prices()["image"]
    return f"${image['gigabytes'] * image['ecr_gb_month']:.2f} a month"


def of_build() -> str:
    image = read_prices()["image"]
    return f"${image['codebuild_minutes'] * image['codebuild_minute']:.2f}"


def of_endpoint(runs_on: Serverless | Instances) -> str:
    return endpoint.monthly_cost(runs_on)
