"""`train`: train a network, here or on SageMaker."""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_alert.options import Commands, add_command, add_patients
from screening.errors import Mistake
from serving.shipped import SHIPPED_NETWORK

if TYPE_CHECKING:
    from training.learning.recipe import Recipe

USUAL_RECIPE = SHIPPED_NETWORK.with_name("recipe.json")


def add_to(commands: Commands) -> None:
    command = add_command(commands, "train", "train a ResNet-18, here or on SageMaker", _run)
    command.add_argument(
        "--data",
        required=True,
        help="folder with NORMAL and PNEUMONIA, at any depth; with --on sagemaker the "
        "s3://BUCKET/PREFIX with the output of `prepare`",
    )
    command.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder for the network (with --on here)"
    )
    command.add_argument(
        "--recipe",
        type=Path,
        metavar="FILE",
        help="training recipe (default: model/recipe.json; with --from-scratch, a longer one)",
    )
    start = command.add_mutually_exclusive_group()
    start.add_argument(
        "--start",
        metavar="FOLDER",
        help="start from the network of an earlier --out, or from a .pth file, e.g. torchvision's "
        "ResNet-18 (default: the shipped network)",
    )
    start.add_argument("--from-scratch", action="store_true", help="start from random weights")
    command.add_argument("--epochs", type=int, metavar="N", help="override the recipe's epochs")
    command.add_argument("--seed", type=int, metavar="N", help="override the recipe's seed")
    command.add_argument(
        "--keep-out",
        metavar="FOLDER",
        help="never train on the patients of these films, e.g. samples/",
    )
    add_patients(command)
    command.add_argument(
        "--on",
        choices=["here", "sagemaker"],
        default="here",
        help="where to train (default: %(default)s)",
    )
    _add_sagemaker(command.add_argument_group("with --on sagemaker"))


def _add_sagemaker(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--algorithm",
        choices=["resnet", "builtin"],
        default="resnet",
        help="this project's own training code, or SageMaker's image-classification algorithm "
        "as in the 2020 report (default: %(default)s)",
    )
    group.add_argument(
        "--role", metavar="ROLE", help="IAM role of the SageMaker job, by name or ARN"
    )
    group.add_argument(
        "--output",
        metavar="S3URL",
        help="folder for the network (default: s3://BUCKET/output in the bucket of --data)",
    )
    group.add_argument(
        "--instance-type",
        metavar="TYPE",
        help="instance to train on (default: ml.g4dn.xlarge for resnet, ml.p2.xlarge for builtin)",
    )
    group.add_argument(
        "--max-seconds",
        type=int,
        default=36_000,
        metavar="N",
        help="stop the job after N seconds (default: %(default)s)",
    )
    group.add_argument(
        "--hyperparameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a hyperparameter of the built-in algorithm",
    )
    group.add_argument(
        "--checkpoints",
        metavar="S3URL",
        help="resume from the checkpoints of an earlier resnet job",
    )
    group.add_argument(
        "--on-demand",
        action="store_true",
        help="resnet: use no spot instance; it costs more and starts at once",
    )
    group.add_argument("--detach", action="store_true", help="do not wait for the end of the job")
    group.add_argument(
        "--dry-run", action="store_true", help="print the request; start and upload nothing"
    )


def _run(options: argparse.Namespace) -> None:
    _refuse_what_does_not_fit(options)
    if options.on == "sagemaker":
        _train_on_sagemaker(options)
    else:
        _train_here(options)


def _refuse_what_does_not_fit(options: argparse.Namespace) -> None:
    """Refuse options that have no effect together: an unused option could cost money."""
    builtin = options.algorithm == "builtin"
    if options.on == "here" and (builtin or options.dry_run or options.detach):
        raise Mistake("--algorithm builtin, --detach and --dry-run go with --on sagemaker.")
    ours = ("recipe", "keep_out", "start", "from_scratch", "patients")
    if builtin and (options.seed is not None or any(getattr(options, name) for name in ours)):
        raise Mistake(
            "The built-in algorithm takes no --recipe, --seed, --keep-out, --start, "
            "--from-scratch or --patients."
        )
    if not builtin and options.hyperparameter:
        raise Mistake("--hyperparameter goes with --algorithm builtin; the resnet has a --recipe.")


def _train_on_sagemaker(options: argparse.Namespace) -> None:
    from training.sagemaker.cloud import aws_in_a_sentence
    from training.sagemaker.jobs import TrainingRequest, go_on_with_sdk, train_on_sagemaker

    go_on_with_sdk()
    with aws_in_a_sentence():
        train_on_sagemaker(
            TrainingRequest(
                algorithm=options.algorithm,
                data=options.data,
                role=options.role,
                recipe=_recipe(options),
                hyperparameters=_hyperparameters(options),
                output=options.output,
                instance_type=options.instance_type,
                max_seconds=options.max_seconds,
                sent={} if options.algorithm == "builtin" else _sent(options),
                checkpoints=options.checkpoints,
                spot=not options.on_demand,
                detach=options.detach,
                dry_run=options.dry_run,
            )
        )


def _sent(options: argparse.Namespace) -> dict[str, str]:
    """Return the files that a job gets beside the films, by input channel."""
    given = {"keep_out": options.keep_out, "start": _start(options), "patients": options.patients}
    return {channel: str(place) for channel, place in given.items() if place}


def _hyperparameters(options: argparse.Namespace) -> dict[str, str]:
    found = {}
    for given in options.hyperparameter:
        name, equals, value = given.partition("=")
        if not equals:
            raise Mistake(f"--hyperparameter must be NAME=VALUE; it is {given}.")
        found[name] = value
    if options.algorithm == "builtin" and options.epochs is not None:
        found["epochs"] = str(options.epochs)
    return found


def _train_here(options: argparse.Namespace) -> None:
    if options.out is None:
        raise Mistake("--out is missing: name the folder for the network.")
    from training.learning.train import train

    kept_out = Path(options.keep_out) if options.keep_out else None
    try:
        train(
            Path(options.data),
            options.out,
            _recipe(options),
            kept_out,
            Path(start) if (start := _start(options)) else None,
            options.patients,
        )
    except KeyboardInterrupt:
        print(f"\nThe same command continues from {options.out}.", file=sys.stderr)
        raise


def _start(options: argparse.Namespace) -> str | None:
    if options.from_scratch:
        return None
    return options.start or str(SHIPPED_NETWORK.parent)


def _recipe(options: argparse.Namespace) -> "Recipe":
    from training.learning.recipe import Recipe, load_recipe

    usual = Recipe() if options.from_scratch else load_recipe(USUAL_RECIPE)
    recipe = load_recipe(options.recipe) if options.recipe else usual
    changes = {name: getattr(options, name) for name in ("epochs", "seed")}
    return dataclasses.replace(recipe, **{k: v for k, v in changes.items() if v is not None})
