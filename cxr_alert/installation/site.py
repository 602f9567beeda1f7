"""The place of an installation: account, region, and the names of its resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from cxr_alert.deployment.sam import Tool
from cxr_alert.operate.application import Application, find_with_worklist
from training.sagemaker.endpoint import Instances, Serverless


@dataclass(frozen=True)
class Settings:
    """The options of an installation.

    `endpoint` names an existing endpoint; None creates one with the stack's name. `template`,
    `worklist_template` and the templates in `optional` were built already; None builds them.
    `optional` has the optional stacks that are installed, `results` and `drift`. The parameters are
    the templates'.
    """

    stack: str
    root: Path
    sam: Tool
    model: Path
    film: Path
    runs_on: Serverless | Instances
    email: str = ""
    operations_email: str = ""
    reader: str = ""
    reader_email: str = ""
    endpoint: str | None = None
    codebuild: bool = False
    template: Path | None = None
    worklist_template: Path | None = None
    optional: Mapping[str, Path | None] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    worklist_parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def serves(self) -> str:
        """The name of the endpoint that screens the films."""
        return self.endpoint or self.stack


@dataclass
class Site:
    """`report` shows progress within a step; the session is the user's own."""

    settings: Settings
    session: boto3.Session
    report: Callable[[str], None]

    def client(self, service: str) -> Any:  # noqa: ANN401 - the checks don't know most of them
        make: Any = self.session.client
        return make(service)

    @cached_property
    def account(self) -> str:
        found: str = self.client("sts").get_caller_identity()["Account"]
        return found

    @property
    def region(self) -> str:
        return str(self.session.region_name)

    @property
    def bucket(self) -> str:
        """The bucket of the networks, as docs/deploy.md names it."""
        return f"cxr-alert-models-{self.account}-{self.region}"

    @property
    def repository(self) -> str:
        return self.settings.stack

    @property
    def worklist(self) -> str:
        return f"{self.settings.stack}-worklist"

    @property
    def application(self) -> Application:
        return find_with_worklist(self.settings.stack)
