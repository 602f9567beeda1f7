"""Faults between the functions and the services that they call, with the expected outcome.

Each fault is one row of the table in docs/reliability.md.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.faults.proxy import PATIENCE, Act, Exchange, Reply

RETRIED = "tried again by the queue"
WAITED = "waited out within the same try"
SHRUGGED = "made good within the same try"
REJECTED = "rejected with its reason, and alerted"
REPEATED = "tried again; the alert is repeated"


@dataclass(frozen=True)
class Fault:
    """A fault; `expected` is the outcome of a positive film while it lasts.

    The film is a JPEG, or else a DICOM film, which has to be rendered first.
    """

    name: str
    operation: str
    act: Act
    expected: str = RETRIED
    slow: bool = False
    dicom: bool = False


def says(status: int, body: bytes = b"", **headers: str) -> Act:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda _: Reply(status, body, named)


def error(status: int, code: str, **members: object) -> Act:
    """Return an error in the form of AWS's JSON services."""
    body = json.dumps({"__type": code, "message": code, "Message": code, **members}).encode()
    return says(status, body, x_amzn_errortype=code, Content_Type="application/x-amz-json-1.0")


def xml_error(status: int, code: str) -> Act:
    """Return an error in the form of S3."""
    body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    return says(status, body, Content_Type="application/xml")


def query_error(status: int, code: str) -> Act:
    """Return an error in the form of SNS."""
    body = (
        f"<ErrorResponse><Error><Type>Receiver</Type><Code>{code}</Code><Message>{code}</Message>"
        "</Error><RequestId>0</RequestId></ErrorResponse>"
    )
    return says(status, body.encode(), Content_Type="text/xml")


def model_error(status: int, message: str) -> Act:
    return error(424, "ModelError", OriginalStatusCode=status, OriginalMessage=message)


def hang_up(_: Exchange) -> None:
    """Close the connection without an answer, like a service that is down."""


def stall(exchange: Exchange) -> None:
    """Do not answer until the function gives up."""
    exchange.wait_until_given_up()


def after(act: Act) -> Act:
    """Let the request take effect, and return another answer."""

    def forwarded(exchange: Exchange) -> Reply | None:
        exchange.forward()
        return act(exchange)

    return forwarded


def cut_in_the_middle(exchange: Exchange) -> Reply:
    reply = exchange.forward()
    return replace(reply, sent=len(reply.body) // 2)


def trickle(exchange: Exchange) -> Reply:
    """Send one byte each second: no single wait for a byte is too long."""
    reply = exchange.forward()
    return replace(reply, body=reply.body + b" " * PATIENCE, trickle=1)


def once(act: Act) -> Act:
    """Fail the first request only."""
    left = [act]
    return lambda exchange: left.pop()(exchange) if left else exchange.forward()


def probabilities(text: str) -> Act:
    return says(200, text.encode(), Content_Type="application/json")


def each_entry_failed(exchange: Exchange) -> Reply:
    """SNS accepts the call but none of its messages."""
    failed = "".join(
        f"<member><Id>{number}</Id><Code>InternalError</Code><SenderFault>false</SenderFault>"
        "</member>"
        for number in range(exchange.body.count(b".Id="))
    )
    body = (
        '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
        f"<PublishBatchResult><Failed>{failed}</Failed><Successful/></PublishBatchResult>"
        "</PublishBatchResponse>"
    )
    return Reply(200, body.encode(), [("Content-Type", "text/xml")])


def _all(operation: str, prefix: str, acts: dict[str, Any], *, dicom: bool = False) -> list[Fault]:
    return [Fault(f"{prefix}: {what}", operation, act, dicom=dicom) for what, act in acts.items()]


_throttled = error(400, "ThrottlingException")
_page = says(200, b"<html>Sign in to the guest network.</html>", Content_Type="text/html")
_write_lost: dict[str, Callable[..., Any]] = {
    "throttled": error(400, "ProvisionedThroughputExceededException"),
    "500": error(500, "InternalServerError"),
    "500 after it took effect": after(error(500, "InternalServerError")),
    "connection cut": hang_up,
}

FAULTS: list[Fault] = [
    *_all(
        "InvokeEndpoint",
        "endpoint",
        {
            "down": hang_up,
            "500": error(500, "InternalFailure"),
            "503": error(503, "ServiceUnavailable"),
            "424, container 404": model_error(404, "no such path"),
            "424, container 429": model_error(429, "busy"),
            "424, container 500": model_error(500, "out of memory"),
            "not found": error(
                400, "ValidationError", message="Endpoint cxr-alert of account 1 not found."
            ),
            "access denied": error(403, "AccessDeniedException"),
            "garbage body": probabilities("<html>it works</html>"),
            "[NaN, NaN]": probabilities("[NaN, NaN]"),
            "[-0.5, 1.5]": probabilities("[-0.5, 1.5]"),
            "three numbers": probabilities("[0.1, 0.2, 0.7]"),
            "sum is not one": probabilities("[0.9, 0.9]"),
            "answer cut in the middle": cut_in_the_middle,
        },
    ),
    Fault(
        "endpoint: 424, container 415",
        "InvokeEndpoint",
        model_error(415, "This is a PDF, no image."),
        REJECTED,
    ),
    Fault("endpoint: throttled", "InvokeEndpoint", _throttled, WAITED),
    Fault("endpoint: not ready", "InvokeEndpoint", error(429, "ModelNotReadyException"), WAITED),
    Fault(
        "endpoint: 400, a body that is too large",
        "InvokeEndpoint",
        error(400, "ValidationError", message="Request 1 has oversize body."),
        REJECTED,
    ),
    Fault(
        "endpoint: 400, of a text that nobody knows",
        "InvokeEndpoint",
        error(400, "ValidationError", message="Inference Component Name header is required."),
    ),
    Fault("endpoint: 500 once", "InvokeEndpoint", once(error(500, "InternalFailure")), SHRUGGED),
    Fault("endpoint: silent past every timeout", "InvokeEndpoint", stall, slow=True),
    Fault("endpoint: a byte each second", "InvokeEndpoint", trickle, slow=True),
    *_all(
        "GetObject",
        "S3",
        {
            "down": hang_up,
            "access denied": xml_error(403, "AccessDenied"),
            "slow down": xml_error(503, "SlowDown"),
            "connection cut in the body": cut_in_the_middle,
            "a web page in place of the film": _page,
        },
    ),
    Fault(
        "S3: the version is gone",
        "GetObject",
        xml_error(404, "NoSuchVersion"),
        REJECTED,
    ),
    Fault("S3: silent past every timeout", "GetObject", stall, slow=True),
    *_all(
        "Query",
        "DynamoDB, look for the record",
        {"throttled": _throttled, "down": hang_up, "a web page": _page},
    ),
    *_all(
        "PutItem",
        "DynamoDB, write the record",
        {
            **_write_lost,
            "a web page": _page,
            "conditional failure": error(400, "ConditionalCheckFailedException"),
        },
    ),
    Fault(
        "DynamoDB, write the record: 500 once after it took effect",
        "PutItem",
        once(after(error(500, "InternalServerError"))),
        SHRUGGED,
    ),
    Fault("DynamoDB, write the record: silent past every timeout", "PutItem", stall, slow=True),
    *_all(
        "PublishBatch",
        "SNS",
        {
            "500": query_error(500, "InternalError"),
            "throttled": query_error(400, "Throttling"),
            "access denied": query_error(403, "AuthorizationError"),
            "down": hang_up,
            "every message refused": each_entry_failed,
            "a web page in place of the answer": _page,
        },
    ),
    Fault(
        "SNS: 500 after it took effect",
        "PublishBatch",
        after(query_error(500, "InternalError")),
        REPEATED,
    ),
    Fault(
        "SNS: silent after it took effect",
        "PublishBatch",
        after(stall),
        REPEATED,
        slow=True,
    ),
    Fault(
        "DynamoDB, mark the alert sent: 500 once after it took effect",
        "UpdateItem",
        once(after(error(500, "InternalServerError"))),
        SHRUGGED,
    ),
    Fault(
        "DynamoDB, mark the alert sent: throttled once", "UpdateItem", once(_throttled), SHRUGGED
    ),
    *_all(
        "PutObject",
        "S3, write the rendition",
        {"down": hang_up, "access denied": xml_error(403, "AccessDenied")},
        dicom=True,
    ),
    Fault(
        "S3, write the rendition: 500 once after it took effect",
        "PutObject",
        once(after(xml_error(500, "InternalError"))),
        SHRUGGED,
        dicom=True,
    ),
    *_all(
        "SendMessageBatch",
        "SQS, hand a film on",
        {
            "down": hang_up,
            "access denied": error(403, "AccessDeniedException"),
            "a web page": _page,
        },
        dicom=True,
    ),
    Fault(
        "SQS, hand a film on: 500 once after it took effect",
        "SendMessageBatch",
        once(after(error(500, "InternalFailure"))),
        SHRUGGED,
        dicom=True,
    ),
]
