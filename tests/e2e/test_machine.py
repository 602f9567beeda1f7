"""Effects of a running stack on its machine."""

import zipfile
from pathlib import Path

import psutil

from cxr_alert.local import build, processes
from tests.e2e.application import POSITIVE, Application
from tests.e2e.conftest import USERS_OWN


def test_everything_listens_on_loopback_only(application: Application) -> None:
    listening = [
        connection.laddr
        for process in processes.belonging_to(application.stack.settings.state)
        for connection in process.net_connections(kind="inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    ]

    stack = application.stack
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert {address.port for address in listening} == {stack.emulator_port, stack.container_port}


def test_no_program_sees_the_users_aws_settings(application: Application) -> None:
    application.drop("seen.jpeg", POSITIVE)
    application.record("seen.jpeg")
    running = processes.belonging_to(application.stack.settings.state)

    assert len(running) >= 3  # the emulator, the container, a function
    for process in running:
        assert not set(USERS_OWN.values()) & set(process.environ().values())


def packed(function: str) -> set[str]:
    """Return the deployed files of a function."""
    (archive,) = build.KEPT.glob(f"cxr-alert@*/{function}.zip")
    return set(zipfile.ZipFile(archive).namelist())


def test_each_function_is_packed_with_its_imports(application: Application) -> None:
    assert "aws_lambda_powertools/__init__.py" in packed("ClassifyFunction")
    assert "imagecodecs/__init__.py" in packed("RenderFunction")


def test_the_function_that_renders_starts_from_bytecode(application: Application) -> None:
    files = packed("RenderFunction")
    for package in ("imaging", "render", "numpy", "pydicom"):
        compiled = f"{package}/__pycache__/"
        assert any(each.startswith(compiled) and each.endswith(".pyc") for each in files)


def test_a_second_start_builds_nothing(application: Application, tmp_path: Path) -> None:
    """`sam build` asks the package index, so without this check nothing would start offline."""
    for template in (build.APPLICATION, build.WORKLIST, build.RESULTS):
        found = build.start(template, tmp_path)
        assert found.process is None
        assert found.file.read_text().count(".zip") > 0
