"""A local stack as a whole: start, attach, stop."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.client import BaseClient

from cxr_alert.local import build, container, deploy, emulator, environment, mail, processes
from screening.errors import Failure, Mistake
from serving.shipped import SHIPPED_NETWORK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

Say = Callable[[str], None]
Children = dict[str, "subprocess.Popen[bytes]"]


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a stack.

    `state` holds its logs, builds and records; a state directory belongs to one stack at a time.
    The environments are added to those of the emulator (and so of the function) and of the
    container. `parameters` are those of template.yaml; `worklist` those of the worklist, or None to
    start without it, which is also done if its folder is missing. `results` says whether judgements
    go to the results queue, for `cxr-alert send`; `drift` whether days are compared.
    """

    state: Path
    model: Path = SHIPPED_NETWORK
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    worklist: Mapping[str, str] | None = dataclasses.field(default_factory=dict)
    results: bool = False
    drift: bool = False
    emulator_environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    container_environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Stack:
    """A running stack: its addresses, the template's outputs, and clients for its services."""

    settings: Settings
    emulator_port: int
    container_port: int
    outputs: dict[str, str]
    children: Children

    @property
    def endpoint_url(self) -> str:
        return emulator.url(self.emulator_port)

    @property
    def container_url(self) -> str:
        return f"http://127.0.0.1:{self.container_port}"

    def stop_container(self) -> None:
        """Stop the model container, as if the endpoint failed."""
        child = self.children[container.NAME]
        processes.stop(processes.family(child.pid))
        child.wait()

    def start_container(self) -> None:
        """Start the model container again at its address."""
        settings = self.settings
        child = container.start(
            settings.model, self.container_port, settings.state, settings.container_environment
        )
        self.children[container.NAME] = child
        container.wait(child, self.container_port, settings.state)

    def client(self, service: str) -> BaseClient:
        """Return a boto3 client of the emulator, with its root key."""
        create: Callable[..., BaseClient] = environment.session().client
        return create(service, endpoint_url=self.endpoint_url, config=environment.client_config())

    @cached_property
    def s3(self) -> "S3Client":
        return self.client("s3")  # type: ignore[return-value]

    @cached_property
    def sqs(self) -> "SQSClient":
        return self.client("sqs")  # type: ignore[return-value]

    @cached_property
    def sns(self) -> "SNSClient":
        return self.client("sns")  # type: ignore[return-value]

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        return self.client("dynamodb")  # type: ignore[return-value]


def _quiet(_: str) -> None:
    pass


def for_people(state: Path, model: Path | None) -> Settings:
    """Return the settings of `demo` and `up`: mails are sent, and sent at once."""
    return Settings(
        state,
        model.resolve() if model else SHIPPED_NETWORK,
        parameters={"NotificationEmail": mail.ADDRESS, "DigestSeconds": "1"},
    )


@contextlib.contextmanager
def running(settings: Settings, say: Say = _quiet) -> Iterator[Stack]:
    """Run a stack for the length of the block, and remove it afterwards in any case."""
    with _owned(settings.state):
        _stop(settings.state, {})  # remains of a run that was killed
        children: Children = {}
        try:
            yield _start(settings, children, say)
        finally:
            _stop(settings.state, children)


def start(settings: Settings, say: Say = _quiet) -> Stack:
    """Start a stack that stays after this process ends; return a running one if there is one."""
    with _owned(settings.state):
        if stack := attach(settings.state) or _revived(settings, say):
            return stack
        if _record(settings.state).exists():
            say("The cloud emulator had ended; its films and records are gone. Starting anew")
        _stop(settings.state, {})  # remains of a run that was killed
        children: Children = {}
        try:
            stack = _start(settings, children, say)
            _remember(stack)
        except BaseException:
            _stop(settings.state, children)
            raise
        return stack


def stop(state: Path) -> bool:
    """Stop all processes of a state directory; return whether there were any."""
    if not state.exists():
        return False
    with _owned(state):
        ran = bool(processes.belonging_to(state))
        _stop(state, {})
        return ran


def attach(state: Path) -> Stack | None:
    """Return the stack that another process started in `state`, if it is complete and alive."""
    known = _known(state)
    if known is None or not _alive(state).issuperset(known["pids"].values()):
        return None
    return _stack(state, Path(known["model"]), known)


def _revived(settings: Settings, say: Say) -> Stack | None:
    """Return the stack with a new model container; the living emulator keeps its films."""
    known = _known(settings.state)
    if known is None or known["pids"][emulator.NAME] not in _alive(settings.state):
        return None
    say("The model container had ended; starting it again")
    stack = _stack(settings.state, settings.model, known)
    try:
        stack.start_container()
    except BaseException:
        if container.NAME in stack.children:
            stack.stop_container()
        raise
    known["pids"][container.NAME] = stack.children[container.NAME].pid
    known["model"] = str(settings.model)
    _record(settings.state).write_text(json.dumps(known, indent=2) + "\n")
    return stack


def _known(state: Path) -> Any:  # noqa: ANN401 - what `_remember` wrote
    try:
        return json.loads(_record(state).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _alive(state: Path) -> set[int]:
    return {process.pid for process in processes.belonging_to(state)}


def _stack(state: Path, model: Path, known: Mapping[str, Any]) -> Stack:
    return Stack(
        Settings(state, model),
        known["emulator_port"],
        known["container_port"],
        known["outputs"],
        {},
    )


def _remember(stack: Stack) -> None:
    known = {
        "emulator_port": stack.emulator_port,
        "container_port": stack.container_port,
        "model": str(stack.settings.model),
        "pids": {name: stack.children[name].pid for name in (emulator.NAME, container.NAME)},
        "outputs": stack.outputs,
    }
    _record(stack.settings.state).write_text(json.dumps(known, indent=2) + "\n")


def _record(state: Path) -> Path:
    return state / "stack.json"


def _start(settings: Settings, children: Children, say: Say) -> Stack:
    state = settings.state
    if not settings.model.is_file():
        raise Mistake(f"There is no network at {settings.model}; name one with --model FILE.")
    for tool in (emulator.HOME, build.SAM):
        if not tool.exists():
            raise Failure(f"{tool} is missing; `make demo` and `make up` install it.")
    (state / "tmp").mkdir()
    shutil.rmtree(mail.directory(state), ignore_errors=True)
    ports = processes.free_ports(2)
    container_url = f"http://127.0.0.1:{ports[1]}"

    say("Building the function, starting the cloud emulator and the model container")
    templates = [build.APPLICATION]
    if settings.worklist is not None and build.WORKLIST.path.exists():
        templates.append(build.WORKLIST)
    if settings.results:
        templates.append(build.RESULTS)
    if settings.drift:
        templates.append(build.DRIFT)
    builds = [build.start(each, state) for each in templates]
    for each in builds:
        if each.process:
            children[f"sam build {each.template.stack_name}"] = each.process
    children[emulator.NAME] = emulator.start(
        ports[0], container_url, state, settings.emulator_environment
    )
    children[container.NAME] = container.start(
        settings.model, ports[1], state, settings.container_environment
    )
    emulator.wait(children[emulator.NAME], ports[0], state)
    container.wait(children[container.NAME], ports[1], state)
    for each in builds:
        build.wait(each, state)
    outputs = _deploy(settings, builds, emulator.url(ports[0]), say)
    return Stack(settings, ports[0], ports[1], outputs, children)


def _deploy(
    settings: Settings, builds: Sequence[build.Build], address: str, say: Say
) -> dict[str, str]:
    """Deploy each stack after those that it depends on, others concurrently; return the outputs."""
    drift = [each for each in builds if each.template == build.DRIFT]
    application, *beside = (each for each in builds if each not in drift)
    worklist = {
        "WorklistAddress": f"{address}/worklist",
        "LoginAddress": address,
        "SecondFactor": "OPTIONAL",  # the emulator's login page has no second factor
        **(settings.worklist or {}),
    }
    given: dict[build.Template, Mapping[str, str]] = {
        build.APPLICATION: {"Architecture": build.ARCHITECTURE, **settings.parameters},
        build.WORKLIST: worklist,
        build.RESULTS: {},
    }
    outputs: dict[str, str] = {}
    for together in ([application], beside, drift):
        given[build.DRIFT] = {"ReviewsTable": outputs.get("ReviewsTableName", "")}
        names = [str(each.template.path.relative_to(processes.ROOT)) for each in together]
        if names:
            say(f"Deploying {' and '.join(names)} into the emulator")
        begun = [
            (each, deploy.start(each, address, settings.state, given[each.template]))
            for each in together
        ]
        for each, process in begun:
            outputs |= deploy.wait(each, process, address, settings.state)
    return outputs


def _stop(state: Path, children: Children) -> None:
    with processes.interrupts_held():
        processes.stop(processes.belonging_to(state))
        for child in children.values():
            child.wait()
        _record(state).unlink(missing_ok=True)
        shutil.rmtree(state / "tmp", ignore_errors=True)


@contextlib.contextmanager
def _owned(state: Path) -> Iterator[None]:
    """Ensure that one process at a time starts or stops programs in a state directory."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "owner").open("a+") as owner:
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner.seek(0)
            raise Failure(
                f"Process {owner.read()} is working in {state}; wait for its end, or stop it first."
            ) from None
        owner.truncate(0)
        owner.write(str(os.getpid()))
        owner.flush()
        yield
