"""What a running stack does to the machine it runs on."""

import psutil

from cxr_alert.local import processes
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


def test_no_program_sees_the_users_own_aws_settings(application: Application) -> None:
    application.drop("seen.jpeg", POSITIVE)
    application.record("seen.jpeg")
    running = processes.belonging_to(application.stack.settings.state)

    assert len(running) >= 3  # the emulator, the container, a function
    for process in running:
        assert not set(USERS_OWN.values()) & set(process.environ().values())


def test_what_is_built_stays_in_the_stacks_own_directory(application: Application) -> None:
    """Or two stacks could not be built at once: SAM removes each other's dependencies."""
    build = application.stack.settings.state / "build-cxr-alert"
    built = {"ClassifyFunction": "aws_lambda_powertools", "RenderFunction": "imagecodecs"}
    for function, library in built.items():
        assert (build / function / library).is_dir()


def test_the_function_that_renders_starts_from_bytecode(application: Application) -> None:
    bundle = application.stack.settings.state / "build-cxr-alert" / "RenderFunction"
    for package in ("imaging", "render", "numpy", "pydicom"):
        assert list((bundle / package / "__pycache__").glob("*.pyc"))
