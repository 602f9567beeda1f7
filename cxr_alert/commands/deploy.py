"""`deploy`: make an endpoint of a network, roll it back, or remove it."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cxr_alert.options import Commands, add_command, add_json, add_model
from screening.errors import Mistake

if TYPE_CHECKING:
    import boto3

    from training.sagemaker.endpoint import Instances, Plan, Report, Serverless


def add_to(commands: Commands) -> None:
    command = add_command(commands, "deploy", "make a SageMaker endpoint of a network", _run)
    add_json(command)
    command.add_argument(
        "--endpoint", default="cxr-alert", help="name of the endpoint (default: %(default)s)"
    )
    network = command.add_mutually_exclusive_group(required=True)
    add_model(network, "a network on this machine, an ONNX file")
    network.add_argument("--artefact", help="a job's artefact, s3://.../model.tar.gz")
    network.add_argument("--job", help="name of a completed training job")
    network.add_argument(
        "--back", action="store_true", help="return to the network before the last change"
    )
    network.add_argument(
        "--delete", action="store_true", help="remove the endpoint; its networks in S3 stay"
    )
    command.add_argument("--bucket", help="S3 bucket to upload --model to")
    command.add_argument(
        "--image",
        help="container in ECR; for a job of the built-in algorithm, the algorithm's container",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="print what would be done; make and upload nothing"
    )
    serverless = command.add_argument_group("serverless, without an instance of its own")
    serverless.add_argument("--serverless", action="store_true", help="pay by the film")
    serverless.add_argument(
        "--memory", type=int, default=2048, choices=range(1024, 7168, 1024), help="MB (%(default)s)"
    )
    serverless.add_argument(
        "--concurrency", type=int, default=6, help="films at once (default: %(default)s)"
    )
    instances = command.add_argument_group("on instances")
    instances.add_argument("--instance-type", default="ml.c5.large", help="default: %(default)s")
    instances.add_argument(
        "--instances",
        type=int,
        default=1,
        help="number of instances, or the least (default: %(default)s)",
    )
    instances.add_argument("--max-instances", type=int, default=0, help="scale up to N instances")
    instances.add_argument(
        "--invocations",
        type=int,
        default=600,
        help="films a minute per instance to scale by (default: %(default)s)",
    )
    instances.add_argument(
        "--capture", help="s3://BUCKET/PREFIX where all films and answers are kept"
    )
    instances.add_argument("--kms-key", help="ARN of the KMS key for captured films and answers")


def _run(options: argparse.Namespace) -> None:
    from training.sagemaker.cloud import aws_in_a_sentence

    try:
        with aws_in_a_sentence():
            if options.back:
                _back(options)
            elif options.delete:
                _delete(options)
            else:
                _deploy(options)
    except KeyboardInterrupt:
        print(
            "\nAWS completes the operation; --delete removes the endpoint after that.",
            file=sys.stderr,
        )
        raise


def _deploy(options: argparse.Namespace) -> None:
    """Deploy the endpoint, and print its cost and how to use it."""
    from training.sagemaker import endpoint
    from training.sagemaker.cloud import sign_in

    runs_on = _runs_on(options)
    session = None if options.dry_run else sign_in()  # a dry run needs no account
    plan = _plan(options, runs_on, session)
    asked = endpoint.parameters(plan, {})
    if not options.json:
        print(endpoint.monthly_cost(plan.runs_on))
    done = "not made"
    if session is not None:
        with _bar(plan.endpoint) as report:
            asked, done = endpoint.apply(session, plan, report)
    if options.json:
        record = {
            "endpoint": plan.endpoint,
            "stack": endpoint.stack_of(plan.endpoint),
            "dry_run": options.dry_run,
            "updated": done == "updated",
            "artefact": str(plan.serves.artefact),
            "parameters": asked,
        }
        print(json.dumps(record, indent=2))
        return
    if options.dry_run:
        if plan.upload:
            print(f"Would upload {plan.upload}, packed, to {plan.serves.artefact}.")
        print(f"Would deploy serving/endpoint.yaml as stack {endpoint.stack_of(plan.endpoint)}:")
        for name, value in asked.items():
            print(f"  {name}={value}")
        print("Nothing was made.")
    else:
        print(f"Endpoint {plan.endpoint} is {done}.")
    print(
        "To screen films with it, type this. Set the same values in samconfig.toml, or the next "
        "`sam deploy` undoes them:"
    )
    taken = endpoint.application_parameters(plan.endpoint, plan.runs_on)
    print(f"  sam deploy --parameter-overrides {taken}")


def _back(options: argparse.Namespace) -> None:
    """Return the endpoint to the previous network; the current one becomes the previous one."""
    from training.sagemaker.cloud import CloudError, sign_in
    from training.sagemaker.endpoint import Stack

    with _bar(options.endpoint) as report:
        stack = Stack(sign_in(), options.endpoint, report)
        before = stack.now()
        if not before:
            raise CloudError(f"This command has not created an endpoint {options.endpoint}.")
        if not before["PreviousArtefact"]:
            raise CloudError(
                f"Endpoint {options.endpoint} has no earlier network than {before['Artefact']}."
            )
        if not options.dry_run:
            stack.back(before)
    former, now = before["PreviousArtefact"], before["Artefact"]
    if options.json:
        record = {"endpoint": options.endpoint, "dry_run": options.dry_run}
        print(json.dumps(record | {"serves": former, "before": now}, indent=2))
        return
    serves = "would serve" if options.dry_run else "serves"
    print(f"Endpoint {options.endpoint} {serves} {former} again, instead of {now}.")


def _delete(options: argparse.Namespace) -> None:
    from training.sagemaker.cloud import sign_in
    from training.sagemaker.endpoint import Stack, stack_of

    stack = stack_of(options.endpoint)
    if not options.dry_run:
        with _bar(options.endpoint) as report:
            Stack(sign_in(), options.endpoint, report).delete()
    if options.json:
        record = {"endpoint": options.endpoint, "stack": stack, "dry_run": options.dry_run}
        print(json.dumps(record, indent=2))
        return
    did = "Would remove" if options.dry_run else "Removed"
    print(f"{did} endpoint {options.endpoint} with its stack {stack}; its networks in S3 stay.")


def _plan(
    options: argparse.Namespace,
    runs_on: "Serverless | Instances",
    session: "boto3.Session | None",
) -> "Plan":
    from training.sagemaker import endpoint
    from training.sagemaker.cloud import CloudError, address, sign_in

    image = options.image
    if options.model:
        artefact = endpoint.uploaded_to(options.bucket, options.endpoint, options.model)
    elif options.artefact:
        artefact = address(options.artefact, "--artefact")
        if session is not None:
            session.client("s3").head_object(Bucket=artefact.bucket, Key=artefact.key)
    else:
        # A job's output has to be looked up even in a dry run.
        artefact, trained_by = endpoint.trained_by(session or sign_in(), options.job)
        image = image or trained_by
    if image is None:
        raise CloudError(
            "--image is missing: name the container image in ECR (docs/deploy.md says how to push "
            "it) or, for an artefact of the built-in algorithm, the image of that algorithm."
        )
    serves = endpoint.Served(image, artefact)
    return endpoint.Plan(options.endpoint, serves, runs_on, options.model)


def _runs_on(options: argparse.Namespace) -> "Serverless | Instances":
    from training.sagemaker.cloud import address
    from training.sagemaker.endpoint import Instances, Serverless

    if options.capture and not (options.kms_key or "").startswith("arn:"):
        raise Mistake(
            "Films are patients' data: --capture needs a --kms-key, the ARN of a "
            "key that encrypts them."
        )
    if options.capture and options.serverless:
        raise Mistake("A serverless endpoint can't capture: leave --capture or --serverless out.")
    if options.serverless:
        return Serverless(options.memory, options.concurrency)
    return Instances(
        options.instance_type,
        options.instances,
        options.max_instances,
        options.invocations,
        address(options.capture, "--capture") if options.capture else None,
        options.kms_key,
    )


@contextmanager
def _bar(endpoint: str) -> "Iterator[Report]":
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(endpoint)
        yield lambda state: progress.update(task, description=f"{endpoint}: {state}")
