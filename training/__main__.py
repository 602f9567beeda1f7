"""`python -m training COMMAND`: from a labelled folder to a network that can be served."""

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from serving.network import BadNetwork
from training.ask import SHIPPED, Asked, NoAnswer, NotAllRead, ask_endpoint, ask_file
from training.cloud import CloudError
from training.films import BadDataset
from training.recipe import BadRecipe, Recipe, load_recipe
from training.upload import CannotUpload

INTERRUPTED = 130


def main() -> int:
    """Run the command; a user's mistake is one sentence and exit code 2."""
    options = _options()
    try:
        options.run(options)
    except (
        BadDataset,
        BadNetwork,
        BadRecipe,
        CannotUpload,
        CloudError,
        NoAnswer,
        NotAllRead,
    ) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_prepare(commands.add_parser("prepare", help="check, split and draw a folder of films"))
    _add_train(commands.add_parser("train", help="train a ResNet-18"))
    _add_deploy(commands.add_parser("deploy", help="make a SageMaker endpoint of a network"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a network on labelled films"))
    _add_robustness(
        commands.add_parser("robustness", help="the same, for films rendered otherwise")
    )
    _add_predict(commands.add_parser("predict", help="probabilities for images"))
    _add_cutoff(commands.add_parser("cutoff", help="choose the cutoff on validation films"))
    return parser.parse_args()


def _add_prepare(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "data", type=Path, metavar="DIR", help="folder with train, val, test or bare class folders"
    )
    command.add_argument("--out", type=Path, required=True, help="where the result is left")
    command.add_argument(
        "--split",
        choices=("patients", "report"),
        default="patients",
        help="hold out blocks of patients (default), or 46 films as in the 2020 report",
    )
    command.add_argument(
        "--keep-out", type=Path, help="films whose patients are never trained on, like samples/"
    )
    command.add_argument("--upload", metavar="S3URL", help="send the result to s3://bucket/prefix")
    command.add_argument(
        "--dry-run", action="store_true", help="with --upload: say what would be sent"
    )
    command.set_defaults(run=_prepare)


def _prepare(options: argparse.Namespace) -> None:
    from training.prepare import prepare
    from training.upload import connect, destination, list_objects, upload

    if not options.upload:
        if options.dry_run:
            raise CannotUpload("--dry-run goes with --upload: nothing is sent without it.")
        prepare(options.data, options.out, options.split, options.keep_out)
        return
    # Looked at first: whoever may not write there should not wait for the films to be read.
    place, s3 = destination(options.upload), connect()
    there = list_objects(s3, place)
    prepare(options.data, options.out, options.split, options.keep_out)
    try:
        upload(s3, options.out, place, there, dry_run=options.dry_run)
    except KeyboardInterrupt:
        print("\nThe same command sends the rest.", file=sys.stderr)
        raise


def _add_train(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        required=True,
        help="folder with NORMAL and PNEUMONIA, at any depth; with --on sagemaker the "
        "s3://BUCKET/PREFIX that `prepare --upload` filled",
    )
    command.add_argument("--out", type=Path, help="where the network is left (--on here)")
    command.add_argument("--recipe", type=Path, help="a recipe.json; default: the shipped recipe")
    command.add_argument("--start", type=Path, help="begin with the network of this earlier --out")
    command.add_argument("--epochs", type=int, help="instead of the recipe's or the report's")
    command.add_argument("--seed", type=int, help="instead of the recipe's")
    command.add_argument(
        "--keep-out", help="films whose patients are never trained on, like samples/"
    )
    command.add_argument(
        "--on", choices=["here", "sagemaker"], default="here", help="default: %(default)s"
    )
    _add_sagemaker(command.add_argument_group("with --on sagemaker"))
    command.set_defaults(run=_train)


def _add_sagemaker(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--algorithm",
        choices=["resnet", "builtin"],
        default="resnet",
        help="this project's own training code, or SageMaker's image-classification algorithm "
        "as in the 2020 report (default: %(default)s)",
    )
    group.add_argument("--role", help="IAM role that SageMaker works under, by name or ARN")
    group.add_argument("--output", help="default: s3://BUCKET/output, the bucket of --data")
    group.add_argument(
        "--instance-type", help="default: ml.p2.xlarge for builtin, ml.g4dn.xlarge for resnet"
    )
    group.add_argument(
        "--max-seconds", type=int, default=36_000, help="the job's limit (default: %(default)s)"
    )
    group.add_argument(
        "--hyperparameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the built-in algorithm, instead of the report's; num_training_samples is "
        "counted in train_lst",
    )
    group.add_argument(
        "--checkpoints", help="S3 prefix of an earlier resnet job's, to go on from (default: new)"
    )
    group.add_argument(
        "--on-demand", action="store_true", help="resnet: no spot instance, dearer but at once"
    )
    group.add_argument("--detach", action="store_true", help="don't follow the job's log")
    group.add_argument(
        "--dry-run", action="store_true", help="print the request; start and upload nothing"
    )


def _train(options: argparse.Namespace) -> None:
    _refuse_what_does_not_fit(options)
    if options.on == "sagemaker":
        _train_on_sagemaker(options)
    else:
        _train_here(options)


def _refuse_what_does_not_fit(options: argparse.Namespace) -> None:
    """A choice that would go unheeded is better refused than paid for."""
    builtin = options.algorithm == "builtin"
    if options.on == "here" and (builtin or options.dry_run or options.detach):
        raise CloudError("--algorithm builtin, --detach and --dry-run go with --on sagemaker.")
    if builtin and (options.recipe or options.seed is not None or options.keep_out):
        raise CloudError("The built-in algorithm takes no --recipe, --seed or --keep-out.")
    if not builtin and options.hyperparameter:
        raise CloudError(
            "--hyperparameter goes with --algorithm builtin; the resnet has a --recipe."
        )


def _train_on_sagemaker(options: argparse.Namespace) -> None:
    from training.cloud import aws_in_a_sentence
    from training.sagemaker_jobs import Order, go_on_with_sdk, train_on_sagemaker

    go_on_with_sdk()
    with aws_in_a_sentence():
        train_on_sagemaker(
            Order(
                algorithm=options.algorithm,
                data=options.data,
                role=options.role,
                recipe=_recipe(options),
                hyperparameters=_hyperparameters(options),
                output=options.output,
                instance_type=options.instance_type,
                max_seconds=options.max_seconds,
                keep_out=options.keep_out,
                checkpoints=options.checkpoints,
                spot=not options.on_demand,
                detach=options.detach,
                dry_run=options.dry_run,
            )
        )


def _hyperparameters(options: argparse.Namespace) -> dict[str, str]:
    found = {}
    for given in options.hyperparameter:
        name, equals, value = given.partition("=")
        if not equals:
            raise CloudError(f"--hyperparameter must be NAME=VALUE; it is {given}.")
        found[name] = value
    if options.algorithm == "builtin" and options.epochs is not None:
        found["epochs"] = str(options.epochs)
    return found


def _train_here(options: argparse.Namespace) -> None:
    # Imported here, as each command's own libraries are: PyTorch alone takes seconds to load.
    from training.train import train

    if options.out is None:
        raise BadDataset("--out is missing: name the folder where the network is to be left.")
    kept_out = Path(options.keep_out) if options.keep_out else None
    try:
        train(Path(options.data), options.out, _recipe(options), kept_out, options.start)
    except KeyboardInterrupt:
        print(f"\nThe same command goes on from {options.out}.", file=sys.stderr)
        raise


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = load_recipe(options.recipe) if options.recipe else Recipe()
    changes = {name: getattr(options, name) for name in ("epochs", "seed")}
    return dataclasses.replace(recipe, **{k: v for k, v in changes.items() if v is not None})


def _add_deploy(command: argparse.ArgumentParser) -> None:
    command.add_argument("--endpoint", default="cxr-alert", help="its name (default: %(default)s)")
    network = command.add_mutually_exclusive_group(required=True)
    network.add_argument("--model", type=Path, help="a network of this machine, an ONNX file")
    network.add_argument("--artefact", help="a job's artefact, s3://.../model.tar.gz")
    network.add_argument("--job", help="a completed training job, by name")
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
    command.set_defaults(run=_deploy)


def _deploy(options: argparse.Namespace) -> None:
    from training.cloud import address, aws_in_a_sentence
    from training.deploy import Order, delete, deploy
    from training.hosting import Instances, Serverless

    if options.capture and not options.kms_key:
        raise CloudError("Films are patients' data: --capture needs a --kms-key to encrypt them.")
    if options.capture and options.serverless:
        raise CloudError(
            "A serverless endpoint can't capture: leave --capture or --serverless out."
        )
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
    order = Order(
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
            if options.delete:
                delete(options.endpoint, options.dry_run)
            else:
                deploy(order)
    except KeyboardInterrupt:
        print("\nWhat AWS has begun goes on; --delete removes it once it is done.", file=sys.stderr)
        raise


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    _add_asked(command, required=True)
    _add_only(command)
    command.add_argument("--out", type=_folder, required=True, help="where the measure is left")
    command.add_argument(
        "--cutoff",
        type=_share,
        default=0.1,
        help="measured beside 0.5 and 0.1, and shown in the report (%(default)s)",
    )
    command.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from training.evaluate import chosen_films, evaluate_films, save
    from training.report import write_report

    films = chosen_films(options.data, options.only)
    evaluation = evaluate_films(films, _asked(options), [options.cutoff])
    save(evaluation, options.data, options.out)
    typed = shlex.join(["python", "-m", "training", *sys.argv[1:]])
    report = write_report(evaluation, options.data, options.cutoff, typed, options.out)
    print(f"AUC {evaluation.metrics['auc']:.4f}; {report} shows the rest.")


def _add_robustness(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    command.add_argument("--model", type=Path, default=SHIPPED, help="the network, an ONNX file")
    command.add_argument("--out", type=Path, required=True, help="where the measure is left")
    command.add_argument("--cutoff", type=float, default=0.1, help="default: 0.1")
    command.add_argument("--only", type=Path, help="list of films, like a run's validation.txt")
    command.set_defaults(run=_robustness)


def _robustness(options: argparse.Namespace) -> None:
    from training.robustness import robustness

    robustness(options.data, options.model, options.out, options.cutoff, options.only)


def _add_predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="JPEG or PNG")
    _add_asked(command, required=False)
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> None:
    from training.predict import predict_images

    predict_images(options.images, _asked(options), as_json=options.json)


def _add_cutoff(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    _add_asked(command, required=True)
    _add_only(command)
    command.add_argument(
        "--sensitivity", type=_share, default=0.97, help="share to be found (%(default)s)"
    )
    command.add_argument(
        "--prevalence",
        type=_share,
        nargs="+",
        default=[0.01, 0.05, 0.1, 0.2, 0.5],
        help="shares of films with pneumonia for which the price is told (1 to 50 %%)",
    )
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_cutoff)


def _cutoff(options: argparse.Namespace) -> None:
    from training.cutoff import refuse_test_films, show
    from training.evaluate import chosen_films, evaluate_films

    films = chosen_films(options.data, options.only)
    refuse_test_films(options.data, films)
    evaluation = evaluate_films(films, _asked(options))
    show(evaluation, options.sensitivity, options.prevalence, as_json=options.json)


def _add_asked(command: argparse.ArgumentParser, *, required: bool) -> None:
    asked = command.add_mutually_exclusive_group(required=required)
    default = "" if required else "; default: the shipped network"
    asked.add_argument("--model", type=Path, help=f"a network, an ONNX file{default}")
    asked.add_argument("--endpoint", metavar="NAME", help="a live SageMaker endpoint")


def _asked(options: argparse.Namespace) -> Asked:
    return (
        ask_endpoint(options.endpoint) if options.endpoint else ask_file(options.model or SHIPPED)
    )


def _add_only(command: argparse.ArgumentParser) -> None:
    command.add_argument("--only", type=Path, help="list of films, like a run's validation.txt")


def _folder(text: str) -> Path:
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a file; name a folder")
    return folder


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return share


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="folder with NORMAL and PNEUMONIA, at any depth"
    )


if __name__ == "__main__":
    sys.exit(main())
