"""`cxr-alert deploy`."""

import argparse
import sys

from cxr_alert.options import Commands, add_command, add_json, add_model
from screening.errors import Mistake


def add_to(commands: Commands) -> None:
    command = add_command(commands, "deploy", "make a SageMaker endpoint of a network", _run)
    add_json(command)
    command.add_argument("--endpoint", default="cxr-alert", help="its name (default: %(default)s)")
    network = command.add_mutually_exclusive_group(required=True)
    add_model(network, "a network of this machine, an ONNX file")
    network.add_argument("--artefact", help="a job's artefact, s3://.../model.tar.gz")
    network.add_argument("--job", help="a completed training job, by name")
    network.add_argument(
        "--back", action="store_true", help="serve the version before the last update again"
    )
    network.add_argument(
        "--delete", action="store_true", help="remove the endpoint and all that was made for it"
    )
    command.add_argument("--bucket", help="S3 bucket to upload --model to")
    command.add_argument(
        "--image", help="the container in ECR; for a built-in algorithm's job, the algorithm's"
    )
    command.add_argument("--role", help="IAM role that the endpoint works under, by name or ARN")
    command.add_argument(
        "--dry-run", action="store_true", help="print the requests; make and upload nothing"
    )
    serverless = command.add_argument_group("on no instance of its own")
    serverless.add_argument("--serverless", action="store_true", help="pay by the film")
    serverless.add_argument(
        "--memory", type=int, default=2048, choices=range(1024, 7168, 1024), help="MB (%(default)s)"
    )
    serverless.add_argument(
        "--concurrency", type=int, default=5, help="films at once (%(default)s)"
    )
    instances = command.add_argument_group("on instances")
    instances.add_argument("--instance-type", default="ml.c5.large", help="default: %(default)s")
    instances.add_argument("--instances", type=int, default=1, help="at least (%(default)s)")
    instances.add_argument("--max-instances", type=int, default=0, help="scale up to so many")
    instances.add_argument(
        "--invocations",
        type=int,
        default=600,
        help="films a minute per instance to scale by (%(default)s)",
    )
    instances.add_argument("--capture", help="s3://... to keep all films and answers under")
    instances.add_argument("--kms-key", help="KMS key that encrypts what is captured")


def _run(options: argparse.Namespace) -> None:
    from training.sagemaker.cloud import address, aws_in_a_sentence
    from training.sagemaker.deployment import DeploymentRequest, back, delete, deploy
    from training.sagemaker.hosting import Instances, Serverless

    if options.capture and not options.kms_key:
        raise Mistake("Films are patients' data: --capture needs a --kms-key to encrypt them.")
    if options.capture and options.serverless:
        raise Mistake("A serverless endpoint can't capture: leave --capture or --serverless out.")
    runs_on: Serverless | Instances
    if options.serverless:
        runs_on = Serverless(options.memory, options.concurrency)
    else:
        runs_on = Instances(
            options.instance_type,
            options.instances,
            options.max_instances,
            options.invocations,
            address(options.capture, "--capture") if options.capture else None,
            options.kms_key,
        )
    order = DeploymentRequest(
        endpoint=options.endpoint,
        runs_on=runs_on,
        model=options.model,
        artefact=options.artefact,
        job=options.job,
        bucket=options.bucket,
        image=options.image,
        role=options.role,
        dry_run=options.dry_run,
    )
    try:
        with aws_in_a_sentence():
            if options.back:
                back(options.endpoint, dry_run=options.dry_run, as_json=options.json)
            elif options.delete:
                delete(options.endpoint, options.dry_run, as_json=options.json)
            else:
                deploy(order, as_json=options.json)
    except KeyboardInterrupt:
        print("\nWhat AWS has begun goes on; --delete removes it once it is done.", file=sys.stderr)
        raise
