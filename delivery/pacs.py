"""A PACS by C-STORE, over TLS if configured."""

import logging
import socket
from collections.abc import Sequence
from typing import Any

from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association

from delivery.destination import Away, Refused, Result
from delivery.settings import Pacs
from delivery.tls import client_context

_VERIFICATION = "1.2.840.10008.1.1"
_STORED = (Comprehensive3DSRStorage, ComprehensiveSRStorage, SecondaryCaptureImageStorage)
_SECONDS = 30.0
_WARNINGS = (0xB000, 0xB006, 0xB007)  # stored, with a coercion of values (PS3.4 B.2.3)
_OUT_OF_RESOURCES = range(0xA700, 0xA800)


class PacsDestination:
    name = "pacs"

    def __init__(self, settings: Pacs) -> None:
        self.settings = settings
        self._tls = (
            client_context(settings.ca, settings.certificate, settings.key)
            if settings.tls
            else None
        )

    def open(self) -> "PacsSession":
        """Associate; raises Away."""
        _config.LOG_HANDLER_LEVEL = (
            "none"  # these handlers format every message and keep what was sent
        )
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
        entity = AE(ae_title=self.settings.own_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _SECONDS
        entity.connection_timeout = _SECONDS / 3
        for kind in _STORED:
            entity.add_requested_context(kind, ExplicitVRLittleEndian)
        entity.add_requested_context(_VERIFICATION)
        more: dict[str, Any] = {"evt_handlers": [(evt.EVT_DATA_SENT, _answer_at_once)]}
        more |= {"tls_args": (self._tls, self.settings.host)} if self._tls is not None else {}
        association = entity.associate(
            self.settings.host, self.settings.port, ae_title=self.settings.title, **more
        )
        if not association.is_established:
            rejected = association.is_rejected
            raise Away(
                "it rejects the association: check both AE titles there"
                if rejected
                else "no association: check host, port and TLS"
            )
        return PacsSession(association)

    def check(self) -> Sequence[str]:
        """Send C-ECHO, and check which of our SOP classes it accepts."""
        session = self.open()
        try:
            answer = session.association.send_c_echo()
            if "Status" not in answer or answer.Status != 0:
                raise Away("it does not answer C-ECHO")
            taken = {each.abstract_syntax for each in session.association.accepted_contexts}
        finally:
            session.close()
        refused = [kind.name for kind in _STORED if kind not in taken]
        return ["answers C-ECHO", *(f"does not accept {each}" for each in refused)]


def _answer_at_once(event: evt.Event) -> None:
    """Disable TCP's delay of short packets, and the delay of our acknowledgements.

    DCMTK, and so Orthanc, writes an answer in two parts, and sends the second one once the first is
    acknowledged: 40 ms later unless acknowledged at once. Linux resets this option after a while.
    """
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_QUICKACK"):
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class PacsSession:
    def __init__(self, association: Association) -> None:
        self.association = association

    def deliver(self, result: Result) -> None:
        for instance in result.instances:
            try:
                answer = self.association.send_c_store(instance)
            except ValueError:
                raise Refused("it does not accept this SOP class") from None
            except RuntimeError:
                raise Away("the association ended") from None
            if "Status" not in answer:
                raise Away("it did not answer")
            status = int(answer.Status)
            if status in _OUT_OF_RESOURCES:
                raise Away(f"it is out of resources (status {status:04X})")
            if status != 0 and status not in _WARNINGS:
                raise Refused(f"it answers status {status:04X}")

    def close(self) -> None:
        if self.association.is_established:
            self.association.release()
        self.association.join(_SECONDS)
