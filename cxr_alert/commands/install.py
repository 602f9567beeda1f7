"""`install`: bring endpoint, application and worklist into an AWS account, or remove them."""

import argparse
import re
import shlex
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_alert.interrupts import end_in_order
from cxr_alert.options import NORMAL_FILM, Commands, add_command, some_text
from cxr_alert.output import console, explain, facts, say, table
from screening.errors import Failure, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cxr_alert.installation.site import Settings, Site
    from cxr_alert.installation.steps import Step
    from training.sagemaker.endpoint import Instances, Serverless

_ROOT = Path(__file__).parents[2]
_OPTIONAL = {
    "results": "results for the hospital's systems, see `cxr-alert send`",
    "drift": "a nightly comparison of the films with the site's reference",
}
_NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_LONGEST = 40  # roles and buckets get longer names made of it
_ADDRESS = r"[^@\s\"]+@[^@\s\"]+"


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "install", "install everything in an AWS account, or remove it", _run
    )
    command.add_argument(
        "--stack",
        type=_stack,
        default="cxr-alert",
        metavar="NAME",
        help="the application's stack, and the endpoint (default: %(default)s)",
    )
    people = command.add_argument_group("people")
    people.add_argument(
        "--email", type=_address, metavar="ADDRESS", help="address that gets the alerts"
    )
    people.add_argument(
        "--operations-email",
        type=_address,
        metavar="ADDRESS",
        help="address that gets the alarms (default: --email)",
    )
    people.add_argument(
        "--reader", type=some_text, metavar="NAME", help="the first reader, to log in with"
    )
    people.add_argument(
        "--reader-email",
        type=_address,
        metavar="ADDRESS",
        help="address that gets the reader's first password (default: --email)",
    )
    serving = command.add_argument_group("the endpoint")
    serving.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="the network, an ONNX file (default: the shipped one)",
    )
    serving.add_argument(
        "--instance-type",
        type=some_text,
        metavar="TYPE",
        help="an instance around the clock, e.g. ml.c5.large (default: serverless)",
    )
    serving.add_argument(
        "--endpoint",
        type=some_text,
        metavar="NAME",
        help="use this endpoint in service; make no image and no endpoint",
    )
    serving.add_argument(
        "--codebuild",
        action="store_true",
        help="build the image on AWS, even if Docker, Podman or Finch works here",
    )
    built = command.add_argument_group("the templates")
    built.add_argument(
        "--template", type=Path, metavar="FILE", help="the application, built (default: build it)"
    )
    built.add_argument(
        "--worklist-template",
        type=Path,
        metavar="FILE",
        help="the worklist, built (default: build it)",
    )
    built.add_argument(
        "--parameters",
        nargs="+",
        type=_parameter,
        default=[],
        metavar="NAME=VALUE",
        help="more parameters of the application",
    )
    built.add_argument(
        "--worklist-parameters",
        nargs="+",
        type=_parameter,
        default=[],
        metavar="NAME=VALUE",
        help="more parameters of the worklist",
    )
    optional = command.add_argument_group("optional stacks")
    for name, purpose in _OPTIONAL.items():
        optional.add_argument(
            f"--{name}",
            type=Path,
            nargs="?",
            default=argparse.SUPPRESS,  # absent if not asked for; None: build the template
            metavar="FILE",
            help=f"install {purpose}; FILE: the template, built (default: build it)",
        )
    what = command.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="show the plan; it needs no account")
    what.add_argument(
        "--destroy", action="store_true", help="remove what was installed; name what stays"
    )
    command.add_argument("--yes", action="store_true", help="do not ask")


def _stack(text: str) -> str:
    """Return the name; the endpoint and the repository take lower case only."""
    if not re.fullmatch(_NAME, text) or len(text) > _LONGEST:
        raise argparse.ArgumentTypeError(
            f"{text}: must be lower-case letters, digits and hyphens, at most {_LONGEST}"
        )
    return text


def _address(text: str) -> str:
    if not re.fullmatch(_ADDRESS, text):
        raise argparse.ArgumentTypeError(f"{text}: must be one e-mail address")
    return text


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.isalnum() and equals) or '"' in value:
        raise argparse.ArgumentTypeError(f"{text}: must be of the form NAME=VALUE")
    return name, value


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.installation.site import Site
    from cxr_alert.installation.steps import steps, with_existing
    from cxr_alert.operate.application import aws_in_sentences
    from training.sagemaker.cloud import sign_in

    end_in_order()
    if not options.destroy:
        _refuse_what_is_missing(options)
    settings = _settings(options)
    if options.dry_run:
        _show(settings, steps(settings))
        say("Nothing was done.")
        return
    with _progress() as report, aws_in_sentences():
        site = Site(settings, sign_in(), report)
        say(f"Account {site.account}, region {site.region}.")
        if not options.destroy:
            site.settings = with_existing(settings)
    if options.destroy:
        _destroy(site, options)
    else:
        _install(site, steps(site.settings), options)


def _install(site: "Site", planned: "Sequence[Step]", options: argparse.Namespace) -> None:
    from cxr_alert.deployment.sam import python_runtime
    from cxr_alert.installation.run import install
    from cxr_alert.installation.steps import unconfirmed
    from cxr_alert.operate.application import aws_in_sentences
    from serving.network import Network

    if site.settings.endpoint is None:
        Network(site.settings.model, threads=1)  # rather fail here than after the image
    settings = site.settings
    if None in (settings.template, settings.worklist_template, *settings.optional.values()):
        python_runtime()
    _show(site.settings, planned)
    _ask("Install it?", options)
    with _progress() as site.report:
        install(site, planned, _typed())
        with aws_in_sentences():
            outputs = site.application.outputs
            waiting = unconfirmed(site)
    say("It works.")
    facts(
        [
            ("films go to", f"s3://{outputs['UploadsBucketName']}/"),
            ("the worklist", f"{outputs['WorklistUrl']}/"),
        ]
    )
    for each in waiting:
        say(f"Left to do: confirm the mail that SNS sent to {each}. Until then it gets nothing.")


def _destroy(site: "Site", options: argparse.Namespace) -> None:
    from cxr_alert.installation.removal import plan, remove
    from cxr_alert.operate.application import aws_in_sentences

    with aws_in_sentences():
        removal = plan(site)
    goes = [f"stack {each}" for each in removal.goes]
    goes += [f"repository {site.repository}"] if removal.repository else []
    if not goes:
        raise Mistake(f"Nothing is installed as {site.settings.stack} in {site.region}.")
    for each in goes:
        say(f"Goes: {each}")
    table(("stays", "why"), removal.stays.items())
    _ask("Remove it?", options)
    try:
        with _progress() as site.report, aws_in_sentences():
            remove(site, removal, say)
    except (Failure, Mistake) as error:
        raise Failure(f"{error} To continue, type again: {_typed()}") from error
    say("What stays is listed above; docs/deploy.md says how to delete it.")


def _show(settings: "Settings", planned: "Sequence[Step]") -> None:
    from cxr_alert.installation import costs
    from cxr_alert.installation.image import builder

    table(
        ("step", "what it does", "cost"), [(each.name, each.purpose, each.cost) for each in planned]
    )
    explain(
        f"Application, worklist and results cost about ${costs.standing():.0f} a month without a "
        "film; docs/performance.md shows the bill by films a month."
    )
    if settings.endpoint is None:
        explain(f"Endpoint: {costs.of_endpoint(settings.runs_on)}")
        program = None if settings.codebuild else builder()
        explain(
            f"{program} of this machine builds the image."
            if program
            else f"CodeBuild builds the image in the account, for about {costs.of_build()}."
        )


def _ask(question: str, options: argparse.Namespace) -> None:
    """Ask for confirmation; raise Mistake unless the answer is yes."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise Mistake(f"{question} There is no terminal for an answer: add --yes.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise Mistake("Nothing was done.")


def _refuse_what_is_missing(options: argparse.Namespace) -> None:
    if options.email is None and not options.dry_run:
        raise Mistake("--email is missing: name the address that gets the alerts.")
    if options.reader is None and not options.dry_run:
        raise Mistake("--reader is missing: name the first reader of the worklist.")
    built = (options.template, options.worklist_template, *_asked_for(options).values())
    for file in (*built, options.model):
        if file is not None and not file.is_file():
            raise Mistake(f"There is no file {file}.")


def _asked_for(options: argparse.Namespace) -> dict[str, Path | None]:
    """Return the optional stacks, each with its built template, or None to build it."""
    return {name: getattr(options, name) for name in _OPTIONAL if name in options}


def _settings(options: argparse.Namespace) -> "Settings":
    from cxr_alert.deployment.sam import Tool
    from cxr_alert.installation.site import Settings
    from cxr_alert.local.build import SAM
    from serving.shipped import SHIPPED_NETWORK

    return Settings(
        stack=options.stack,
        root=_ROOT,
        sam=Tool(Path(shutil.which("sam") or SAM), _ROOT / "samconfig.toml"),
        model=options.model or SHIPPED_NETWORK,
        film=NORMAL_FILM,
        email=options.email or "",
        operations_email=options.operations_email or options.email or "",
        reader=options.reader or "",
        reader_email=options.reader_email or options.email or "",
        runs_on=_runs_on(options.instance_type),
        endpoint=options.endpoint,
        codebuild=options.codebuild,
        template=options.template,
        worklist_template=options.worklist_template,
        optional=_asked_for(options),
        parameters=dict(options.parameters),
        worklist_parameters=dict(options.worklist_parameters),
    )


def _runs_on(instance_type: str | None) -> "Serverless | Instances":
    """Return the defaults of `deploy`."""
    from training.sagemaker.endpoint import Instances, Serverless

    if instance_type is None:
        return Serverless(memory_mb=2048, concurrency=6)
    return Instances(instance_type, count=1, most=0, invocations=600)


def _typed() -> str:
    return shlex.join(["cxr-alert", *sys.argv[1:]])


@contextmanager
def _progress() -> "Iterator[Callable[[str], None]]":
    with console(error=True).status("") as shown:
        yield shown.update
