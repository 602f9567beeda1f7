"""SageMaker's runtime on this machine: `python -m cxr_alert.local.sagemaker_runtime --model FILE`.

boto3's sagemaker-runtime posts a film to `/endpoints/NAME/invocations`. SageMaker forwards it to
the container's `/invocations`, and wraps the container's refusals into errors of its own. Here both
are one process: it calls the container's application, and wraps the answers.
"""

import argparse
import sys

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import server

VARIANT = "AllTraffic"  # SageMaker's name for the only variant of an endpoint


class InvokeEndpoint:
    """The ASGI application behind `/endpoints/NAME/invocations`.

    `endpoint_name` is the only endpoint that exists; without one, any name is accepted.
    """

    def __init__(self, container: ASGIApp, endpoint_name: str | None) -> None:
        self._container = container
        self._endpoint_name = endpoint_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path_params"]["name"]
        if self._endpoint_name not in (None, name):
            refusal = _validation_error(f"Endpoint {name} of account 000000000000 not found.")
            await refusal(scope, receive, send)
            return
        answer = _Answer()
        # Only the path differs, so that the container's own router finds /invocations.
        inside = {**scope, "path": "/invocations", "raw_path": b"/invocations", "root_path": ""}
        await self._container(inside, receive, answer.take)
        await answer.as_sagemaker_gives_it(scope, receive, send)


class _Answer:
    """The container's answer, buffered until it is complete, since an error shows in the status."""

    def __init__(self) -> None:
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = list(message["headers"])
        else:
            self._body += message.get("body", b"")

    async def as_sagemaker_gives_it(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._status != 200:
            error = _model_error(self._status, self._body.decode())
            await error(scope, receive, send)
            return
        variant = (b"x-amzn-invoked-production-variant", VARIANT.encode())
        headers = [*self._headers, variant]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})


def with_sagemaker(container: ASGIApp, endpoint_name: str | None) -> Starlette:
    """Return the container's application behind SageMaker's runtime."""
    invoke = InvokeEndpoint(container, endpoint_name)
    return Starlette(
        routes=[
            Route("/endpoints/{name}/invocations", invoke, methods=["POST"]),
            Mount("/", container),
        ]
    )


def _model_error(status: int, reason: str) -> JSONResponse:
    """Return SageMaker's answer for an error status of the container."""
    side = "client" if status < 500 else "server"
    return JSONResponse(
        {
            "Message": f'Received {side} error ({status}) from primary with message "{reason}".',
            "OriginalStatusCode": status,
            "OriginalMessage": reason,
            "LogStreamArn": "",
        },
        424,
        {"x-amzn-errortype": "ModelError"},
    )


def _validation_error(message: str) -> JSONResponse:
    return JSONResponse({"Message": message}, 400, {"x-amzn-errortype": "ValidationError"})


def main() -> int:
    """Serve until asked to stop, as the container does."""
    parser = argparse.ArgumentParser(
        prog="python -m cxr_alert.local.sagemaker_runtime", description=__doc__
    )
    server.add_options(parser)
    parser.add_argument("--endpoint-name", help="name of the only endpoint (default: any name)")
    options = parser.parse_args()
    return server.run(options, lambda container: with_sagemaker(container, options.endpoint_name))


if __name__ == "__main__":
    sys.exit(main())
