"""Build the templates with the SAM CLI, and reuse earlier builds of the same files.

`sam build` fetches each function's dependencies from the package index every time. Without reuse, a
second start would be slow, and without a network impossible.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import time
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cxr_alert.local import emulator, environment, processes

KEPT = processes.ROOT / "build" / "sam"
ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
SAM = processes.ROOT / ".venv-sam" / "bin" / "sam"

# SAM reads a template several times per deployment, JSON much faster than YAML: this writes its own
# reading of a built template as JSON, long forms of the intrinsic functions included.
_TO_JSON = """
import json, pathlib, sys
from samcli.yamlhelper import yaml_parse
print(json.dumps(yaml_parse(pathlib.Path(sys.argv[1]).read_text())))
"""

# Inputs of a built template; functions/render/Makefile copies from imaging as well.
_SOURCES = ("functions", "imaging", "requirements/sam.lock", "template.yaml")


@dataclass(frozen=True)
class Template:
    """A template of the repository, and the stack made from it."""

    path: Path
    stack_name: str


APPLICATION = Template(processes.ROOT / "template.yaml", "cxr-alert")
WORKLIST = Template(processes.ROOT / "functions/worklist/template.yaml", "cxr-alert-worklist")
DRIFT = Template(processes.ROOT / "functions/drift/template.yaml", "cxr-alert-drift")
RESULTS = Template(processes.ROOT / "functions/publish/template.yaml", "cxr-alert-results")


@dataclass(frozen=True)
class Build:
    """A build; `folder` has the built template after `wait`, if there is a process to wait for."""

    template: Template
    folder: Path
    process: subprocess.Popen[bytes] | None

    @property
    def file(self) -> Path:
        return self.folder / "template.json"


def start(template: Template, state: Path) -> Build:
    """Start `sam build` if it is needed; other programs can start meanwhile."""
    kept = _kept(template)
    if (found := Build(template, kept, None)).file.exists():
        return found
    home = state / "sam"
    home.mkdir(exist_ok=True)
    # SAM asks the package index weekly for a newer version of itself; this tells it that it just
    # did.
    (home / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
    folder = state / f"build-{template.stack_name}"
    options: list[str | Path] = ["--template-file", template.path, "--language-extensions"]
    # Without SAM's cache, which does not notice changes in folders that a Makefile copies.
    options += ["--build-dir", folder, "--parallel"]
    options += ["--parameter-overrides", f"PythonRuntime={emulator.python_runtime()}"]
    # SAM keeps dependencies below its working directory, and removes those of other builds.
    scratch = state / f"sam-{template.stack_name}"
    scratch.mkdir(exist_ok=True)
    name = named("sam build", template)
    process = processes.start(
        name, [SAM, "build", *options], sam_environment(state), state, scratch
    )
    return Build(template, folder, process)


def wait(build: Build, state: Path) -> None:
    """Wait for the end of the build, and keep the result for the next start."""
    if build.process is None:
        return
    processes.wait_until_done(named("sam build", build.template), build.process, state, 300)
    built = _read(build.folder / "template.yaml")
    _allow(built, emulator.python_runtime())
    build.file.write_text(json.dumps(built))
    _keep(build)


def named(command: str, template: Template) -> str:
    return command if template == APPLICATION else f"{command} {template.stack_name}"


def sam_environment(state: Path) -> dict[str, str]:
    base = environment.base(state)
    return {
        **base,
        # SAM builds with the interpreter of the template's runtime, which is the emulator's.
        "PATH": f"{emulator.HOME / 'bin'}:{base.get('PATH', '')}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # functions/render/Makefile fetches compiled libraries for this machine.
        "PYTHON_RUNTIME": emulator.python_runtime(),
        "ARCHITECTURE": ARCHITECTURE,
        "SAM_CLI_TELEMETRY": "0",
        # Seconds; by default SAM waits for five before it first asks whether a stack is deployed.
        "SAM_CLI_POLL_DELAY": "0.1",
        "__SAM_CLI_APP_DIR": str(state / "sam"),
    }


def _read(template: Path) -> Any:  # noqa: ANN401 - a template
    command: list[str | Path] = [SAM.with_name("python"), "-c", _TO_JSON, template]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def _allow(template: Any, runtime: str) -> None:  # noqa: ANN401 - a template
    """Add the emulator's Python to the allowed runtimes of a built template."""
    allowed = template["Parameters"]["PythonRuntime"]["AllowedValues"]
    if runtime not in allowed:
        allowed.append(runtime)


def _keep(build: Build) -> None:
    """Keep the build with zipped functions; otherwise SAM would zip them with every deployment.

    If two builds run at once, the first one to finish is kept.
    """
    kept = _kept(build.template)
    kept.parent.mkdir(parents=True, exist_ok=True)
    for older in kept.parent.glob(f"{build.template.stack_name}@*"):
        if older != kept:
            shutil.rmtree(older, ignore_errors=True)
    packed = kept.with_name(f".{kept.name}-{os.getpid()}")
    packed.mkdir()
    template = build.file.read_text()
    for function in sorted(each for each in build.folder.iterdir() if each.is_dir()):
        _pack(function, packed / f"{function.name}.zip")
        template = template.replace(
            f'"CodeUri": "{function.name}"', f'"CodeUri": "{function.name}.zip"'
        )
    (packed / build.file.name).write_text(template)
    try:
        packed.rename(kept)
    except OSError:  # the other build is already there
        shutil.rmtree(packed)


def _pack(function: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for each in sorted(function.rglob("*")):
            file.write(each, each.relative_to(function))


def _kept(template: Template) -> Path:
    return KEPT / f"{template.stack_name}@{_digest()}"


@cache
def _digest() -> str:
    """Return a digest of all inputs of the built templates."""
    digest = hashlib.sha256(f"{emulator.python_runtime()} {ARCHITECTURE}".encode())
    for source in _SOURCES:
        place = processes.ROOT / source
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"\n{file.relative_to(processes.ROOT)}\n".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
