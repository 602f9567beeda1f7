"""The container's HTTP interface, SageMaker's: `GET /ping` and `POST /invocations`."""

import asyncio
import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from imaging.refusals import NotReadable, TooLarge, UnsupportedFormat
from serving.attributes import attributes
from serving.budget import Budget, Grow
from serving.gate import OutOfDistribution
from serving.network import Network

MAX_BODY = 25 * 2**20  # what SageMaker forwards
BODIES_TOGETHER = 3 * MAX_BODY
UPLOAD_SECONDS = 60
SILENT_SECONDS = 5  # between parts of an upload
_CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
_NO_FILM_FOR_US = 422

log = logging.getLogger("serving")


class _Unanswered(Exception):
    """The answer to a request, as an error with this status and this line."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def make_app(network: Network, threads: int) -> Starlette:
    """Return the application that serves `network` with `threads` films at once."""
    workers = ThreadPoolExecutor(threads, thread_name_prefix="film")
    bodies = Budget(BODIES_TOGETHER, MAX_BODY)

    async def ping(request: Request) -> Response:
        return Response()

    async def invocations(request: Request) -> Response:
        began = time.perf_counter()
        response = await answer(request)
        entry: dict[str, float | str] = {
            "status": response.status_code,
            "milliseconds": round(1000 * (time.perf_counter() - began), 1),
        }
        if response.status_code != 200:
            entry["reason"] = bytes(response.body).decode()
        log.info(json.dumps(entry))
        return response

    async def answer(request: Request) -> Response:
        try:
            async with bodies.hold() as grow:
                film = await _read(request, grow)
                loop = asyncio.get_running_loop()
                gated = not _asks_for("gate=off", request)
                screened = await loop.run_in_executor(workers, network.screen, film, gated)
            cells = screened.cells if _asks_for("map=on", request) else []
            custom = attributes(network.name, gated, cells)
            return JSONResponse(screened.probabilities, headers={_CUSTOM_ATTRIBUTES: custom})
        except _Unanswered as error:
            return PlainTextResponse(str(error), error.status)
        except OutOfDistribution as refused:
            return PlainTextResponse(f"{refused.code}: {refused}", _NO_FILM_FOR_US)
        except NotReadable as error:
            return PlainTextResponse(str(error), _status(error))
        except ClientDisconnect:
            return PlainTextResponse("The client closed the connection.", 400)
        except Exception:
            log.exception("A film could not be classified.")
            return PlainTextResponse("The container failed; its log says why.", 500)

    return Starlette(
        routes=[
            Route("/ping", ping),
            Route("/invocations", invocations, methods=["POST"]),
        ]
    )


def _asks_for(what: str, request: Request) -> bool:
    """Return whether the request says `gate=off`, because a person has looked, or `map=on`."""
    asked = request.headers.get(_CUSTOM_ATTRIBUTES, "")
    return what in re.split(r"[,;\s]+", asked)


async def _read(request: Request, grow: Grow) -> bytes:
    body = bytearray()
    size = 0
    now = asyncio.get_running_loop().time
    end = now() + UPLOAD_SECONDS
    try:
        async with asyncio.timeout(SILENT_SECONDS) as limit:
            async for part in request.stream():
                size += len(part)
                if size <= MAX_BODY:
                    limit.reschedule(end)  # waiting for memory does not count as silence
                    await grow(len(part))
                    body += part
                limit.reschedule(min(end, now() + SILENT_SECONDS))
    except TimeoutError:
        reason = (
            f"The upload stopped for {SILENT_SECONDS} seconds, or did not arrive within "
            f"{UPLOAD_SECONDS}. Send it again."
        )
        raise _Unanswered(408, reason) from None
    # Only now, since a client that is still sending might not see the answer.
    if size > MAX_BODY:
        most = f"{MAX_BODY // 2**20} MB"
        raise _Unanswered(
            413, f"The file is larger than the {most} that are accepted. Export the X-ray smaller."
        )
    return bytes(body)


def _status(error: NotReadable) -> int:
    if isinstance(error, UnsupportedFormat):
        return 415
    return 413 if isinstance(error, TooLarge) else 400
