"""An interface engine that takes HL7 v2 over MLLP; a result is delivered once it answers AA."""

import contextlib
import socket
import ssl
import time
from collections.abc import Sequence

from delivery.destination import Away, Refused, Result
from delivery.settings import Hl7
from delivery.tls import client_context

_START, _END = b"\x0b", b"\x1c\r"
_SECONDS = 30.0
_LONGEST_ANSWER = 64 * 1024


class MllpDestination:
    name = "hl7"

    def __init__(self, settings: Hl7) -> None:
        self.settings = settings
        self._tls = (
            client_context(settings.ca, settings.certificate, settings.key)
            if settings.tls
            else None
        )

    def open(self) -> "MllpSession":
        """Connect; raises Away."""
        try:
            with contextlib.ExitStack() as stack:
                connection: socket.socket = stack.enter_context(
                    socket.create_connection((self.settings.host, self.settings.port), 10)
                )
                if self._tls is not None:
                    connection = self._tls.wrap_socket(
                        connection, server_hostname=self.settings.host
                    )
                stack.pop_all()
        except ssl.SSLCertVerificationError as error:
            raise Away(f"its certificate: {error.verify_message}") from None
        except OSError as error:
            raise Away(f"no connection ({error.strerror or type(error).__name__})") from None
        return MllpSession(connection)

    def check(self) -> Sequence[str]:
        """Connect only: the engine would file a message of any kind."""
        self.open().close()
        return ["takes connections"]


class MllpSession:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def deliver(self, result: Result) -> None:
        try:
            self._connection.settimeout(_SECONDS)
            self._connection.sendall(_START + result.message + _END)
            code = _code(self._answer(), _control_id(result.message))
        except OSError as error:
            raise Away(f"the connection ended ({type(error).__name__})") from None
        if code == "":
            raise Away("its answer is not an acknowledgement of the message")
        if code != "AA":  # CA means that it received the message, not that it processed it
            raise Refused(f"it answers {code}")

    def _answer(self) -> bytes:
        answer, until = b"", time.monotonic() + _SECONDS
        while not answer.endswith(_END):
            if len(answer) > _LONGEST_ANSWER or time.monotonic() > until:
                raise TimeoutError
            part = self._connection.recv(4096)
            if not part:
                raise ConnectionResetError
            answer += part
        return answer

    def close(self) -> None:
        self._connection.close()


def _control_id(message: bytes) -> str:
    return message.split(b"\r", 1)[0].decode().split("|")[9]


def _code(answer: bytes, control_id: str) -> str:
    """Return MSA-1, or nothing if the answer is to another message."""
    text = answer.removeprefix(_START).decode("utf-8", "replace")
    for segment in text.split("\r"):
        values = segment.split("|")
        if values[0] == "MSA" and len(values) > 2 and values[2] == control_id:
            return values[1] if values[1] in ("AA", "AE", "AR", "CA", "CE", "CR") else ""
    return ""
