"""The commands to use a running stack with the ordinary AWS CLI."""

import os
import shlex
import shutil
from pathlib import Path

from cxr_alert.local import environment, mail, processes, readers, watch
from cxr_alert.local.stack import Stack
from cxr_alert.operate import readers as operated

ALERTS_QUEUE = "cxr-alert-alerts"
READER = "reader"


def write(stack: Stack, samples: Path) -> str:
    """Subscribe a queue, write the CLI's settings, and return the text with the commands."""
    queue = watch.subscribe(stack, ALERTS_QUEUE, "{}")
    file = stack.settings.state / "aws.env"
    file.write_text(_shell_lines(stack))
    aws = "aws" if shutil.which("aws") else ".venv-sam/bin/aws"
    film = min((samples / "PNEUMONIA").glob("*.jpeg"))
    table = stack.outputs["ScreeningsTableName"]
    # Version 1 of the AWS CLI uses AWS_ENDPOINT_URL for every service except SQS.
    return f"""\
The application is running on this machine, until `make down`.
  cloud emulator   {stack.endpoint_url}
  model container  {stack.container_url}
  logs             {_short(stack.settings.state)}/*.log

In a shell of its own, point the AWS CLI at it:
  . {_short(file)}
{_worklist(stack)}
Drop an X-ray:
  {aws} s3 cp {_short(film)} s3://{stack.outputs["UploadsBucketName"]}/

Watch alerts as they arrive:
  .venv/bin/cxr-alert alerts
or fetch them with the CLI, from a queue that is subscribed to the topic:
  {aws} sqs receive-message --endpoint-url {stack.endpoint_url} --wait-time-seconds 20 \\
    --queue-url {queue}
Messages for people are mailed into {_short(mail.directory(stack.settings.state))}/new/.

Operate it as on AWS (docs/runbook.md has all commands):
  .venv/bin/cxr-alert status
  .venv/bin/cxr-alert list positives

Look up the film's record, and the latest positives:
  {aws} dynamodb query --table-name {table} \\
    --key-condition-expression '#k = :k' --expression-attribute-names '{{"#k": "key"}}' \\
    --expression-attribute-values '{{":k": {{"S": "{film.name}"}}}}'
  {aws} dynamodb query --table-name {table} --index-name latest-findings \\
    --key-condition-expression 'finding = :f' --no-scan-index-forward --max-items 5 \\
    --expression-attribute-values '{{":f": {{"S": "PNEUMONIA"}}}}'"""


def _worklist(stack: Stack) -> str:
    if "WorklistUrl" not in stack.outputs:
        return ""
    password = readers.password(stack, READER, operated.GROUPS)
    return f"""
Read films in the browser:
  address   {stack.outputs["WorklistUrl"]}/
  user      {READER}
  password  {password}
"""


def settings(stack: Stack) -> dict[str, str]:
    """Return the variables that direct the AWS CLI and the operator's commands to a stack."""
    return {
        **environment.aws(stack.endpoint_url),
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": stack.container_url,
        "AWS_REGION": environment.REGION,
        "AWS_PAGER": "",
        "NO_PROXY": environment.LOOPBACK,
    }


def _shell_lines(stack: Stack) -> str:
    unset = "unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN"
    lines = [f"export {name}={shlex.quote(value)}" for name, value in settings(stack).items()]
    return "\n".join([unset, *lines, ""])


def _short(path: Path) -> str:
    """Return a path as typed from the repository's root."""
    return os.path.relpath(path, processes.ROOT)
