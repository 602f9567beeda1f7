"""pynetdicom's server with bounds on connections, on received bytes and on time.

Each connection has its own thread from the first byte on, which also does the TLS handshake, so
that no connection can delay another. pynetdicom passes each fragment of a message to its DIMSE
provider: there, films are written to the spool instead of into memory.
"""

import logging
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import create_file_meta, encode_file_meta
from pynetdicom.pdu_primitives import A_ASSOCIATE, P_DATA
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from intake.places import IDLE_SECONDS, Connection, Places
from intake.spool import Header, IncomingFilm, Refusal, Spool

HANDSHAKE_SECONDS = 10.0
REQUEST_SECONDS = 10.0  # from the connection to the end of the association request
PDU_SECONDS = 30.0
_LOOK_SECONDS = 0.2
LARGEST_PDU = 2**20  # bytes; pynetdicom announces 16 kB to senders
_PDU_HEADER = 6  # bytes
_PDU_TYPES = range(1, 8)
_LARGEST_COMMAND = 2**16
_MOST_UNSERVED = 8  # messages: a sender has to wait for each answer
_PERMANENT, _TRANSIENT = 1, 2
_UNKNOWN_SENDER, _UNKNOWN_TITLE, _NO_PLACE = (1, 3), (1, 7), (3, 2)  # source, reason (PS3.8)
_INVALID_PDU = "Evt19"
_SUCCESS = 0x0000

# The film, its SOP instance UID and the sender's AE title; returns None once the bucket has the
# film.
Store: TypeAlias = Callable[[IncomingFilm, str, str], Refusal | None]

logger = logging.getLogger("intake")


@dataclass(frozen=True)
class Bounds:
    """The callers that may associate, and the longest time of an answer (`patience`, seconds)."""

    title: str
    senders: Sequence[str]
    patience: float


class BoundedServer(ThreadedAssociationServer):
    """The server, made by `AE.make_server`.

    It does TLS itself, since pynetdicom would do it too early.
    """

    request_queue_size = 128

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - pynetdicom's own
        tls: ssl.SSLContext | None,
        bounds: Bounds,
        spool: Spool,
        store: Store,
        evt_handlers: list[Any],
    ) -> None:
        self.tls = tls
        self.bounds = bounds
        self.spool = spool
        self.store = store
        self.places = Places()
        more: dict[str, Any] = {
            "evt_handlers": [
                *evt_handlers,
                (evt.EVT_REQUESTED, self._let_in),
                (evt.EVT_C_STORE, self._store),
            ],
            "request_handler": _Handler,
        }
        super().__init__(*arguments, **more)

    def shutdown(self) -> None:
        """Stop listening, end all connections and wait for their threads."""
        self.ae._servers.append(self)  # from which pynetdicom removes it
        super().shutdown()

    def server_close(self) -> None:
        self.places.close()
        super().server_close()

    def _let_in(self, event: evt.Event) -> None:
        """Refuse an association request that is not allowed, or for which there is no place."""
        association = event.assoc
        connection = cast(_Dimse, association.dimse).connection
        request = cast(A_ASSOCIATE, association.requestor.primitive)
        if request.called_ae_title != self.bounds.title.strip():
            reason = "it called an AE title that is not ours"
            self._reject(association, (_PERMANENT, *_UNKNOWN_TITLE), reason)
        elif request.calling_ae_title not in [each.strip() for each in self.bounds.senders]:
            # The title is not logged: anyone can write a name there.
            reason = "its AE title is not among those after --from"
            self._reject(association, (_PERMANENT, *_UNKNOWN_SENDER), reason)
        else:
            connection.sender = request.calling_ae_title
            if not self.places.admit(connection):
                reason = "all places are taken by associations that send"
                self._reject(association, (_TRANSIENT, *_NO_PLACE), reason)

    def _store(self, event: evt.Event) -> Dataset:
        request = cast(C_STORE, event.request)
        request._dataset_file = None  # otherwise pynetdicom would remove a file of that name
        film = cast(IncomingFilm, event.dataset_path)
        connection = cast(_Dimse, event.assoc.dimse).connection
        try:
            refusal = self.store(film, str(request.AffectedSOPInstanceUID), connection.sender)
        finally:
            film.discard()
            connection.become_idle()
        answer = Dataset()
        answer.Status = refusal.status if refusal else _SUCCESS
        if refusal:
            answer.ErrorComment = refusal.reason
        return answer

    def _reject(self, association: Association, answer: tuple[int, int, int], reason: str) -> None:
        cast(_Dimse, association.dimse).connection.say(reason)
        association.acse.send_reject(*answer)
        association.is_rejected = True
        association.kill()


def make_server(
    address: tuple[str, int],
    entity: AE,
    tls: ssl.SSLContext | None,
    bounds: Bounds,
    spool: Spool,
    store: Store,
) -> BoundedServer:
    """Return a server that listens; `store` is called with each complete film."""
    _config.LOG_HANDLER_LEVEL = "none"  # these handlers format every message and keep what was sent
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    # `_let_in` decides and logs the reason; if it failed, pynetdicom would still check the AE
    # titles.
    entity.require_called_aet = True
    entity.require_calling_aet = list(bounds.senders)
    entity.maximum_associations = 2**31  # `Places` counts the admitted ones
    entity.acse_timeout = REQUEST_SECONDS
    entity.network_timeout = IDLE_SECONDS + bounds.patience
    return cast(
        BoundedServer,
        entity.make_server(
            address, server_class=BoundedServer, tls=tls, bounds=bounds, spool=spool, store=store
        ),
    )


class _Handler(RequestHandler):
    """One connection, from its first byte to its last, in one thread."""

    server: BoundedServer

    def handle(self) -> None:
        connection = Connection(self.client_address[0], self.request)
        places = self.server.places
        places.enter(connection)
        try:
            self._shake_hands(connection)
            association = self._create_association()
            transport = cast(AssociationSocket, association.dul.socket)
            transport.recv = _bounded_reader(transport, connection)  # type: ignore[method-assign,assignment]
            association.dimse = dimse = _Dimse(association, self.server.spool, connection)
            association.start()
            while association.is_alive():
                association.join(_LOOK_SECONDS)
                if time.monotonic() > connection.deadline:
                    connection.end("it sent no complete film in time")
                if connection.gone:
                    _stop_waiting(association)
            dimse.end()
            if not connection.sender:
                connection.say("it requested no association")
        except OSError as error:  # ssl.SSLError is one
            connection.say(f"no TLS handshake ({_cause(error)})")
        finally:
            places.leave(connection)
            self.server.shutdown_request(self.request)

    def _shake_hands(self, connection: Connection) -> None:
        if self.server.tls is None:
            return
        self.request.settimeout(HANDSHAKE_SECONDS)
        wrapped = self.server.tls.wrap_socket(
            self.request, server_side=True, do_handshake_on_connect=False
        )
        self.request = connection.socket = wrapped
        wrapped.do_handshake()


def _cause(error: OSError) -> str:
    """Return the cause in OpenSSL's or our own words, never in the peer's."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"not within {HANDSHAKE_SECONDS:.0f} seconds"
    return getattr(error, "reason", None) or error.strerror or "it left"


def _stop_waiting(association: Association) -> None:
    """Let pynetdicom stop waiting for the request of a peer that has gone."""
    if association.requestor.primitive is None and association.dul.to_user_queue.empty():
        association.dul.to_user_queue.put(cast(Any, None))


def _bounded_reader(
    transport: AssociationSocket, connection: Connection
) -> Callable[[int], bytearray]:
    """Return the function that reads from a socket instead of pynetdicom's.

    It reads as many bytes as requested, or fewer at the end of the stream. If a PDU is too long or
    takes too long, it ends the connection and reads nothing more.
    """

    def read(nr_bytes: int) -> bytearray:
        data = bytearray()
        if connection.gone:
            return data
        if nr_bytes > LARGEST_PDU:
            connection.end("it announced a PDU that is too long")
            return data
        until = time.monotonic() + PDU_SECONDS
        if not connection.sender:
            until = min(until, connection.entered + REQUEST_SECONDS)
        try:
            data = _read(transport, nr_bytes, until)
        except TimeoutError:
            connection.end("it sent nothing more")
        connection.gone |= len(data) < nr_bytes
        if nr_bytes == _PDU_HEADER and data and data[0] not in _PDU_TYPES:
            connection.end("it sent data that is not DICOM")
            return bytearray()
        return data

    return read


def _read(transport: AssociationSocket, nr_bytes: int, until: float) -> bytearray:
    data, missing = bytearray(nr_bytes), nr_bytes
    with memoryview(data) as view:
        while missing:
            source, left = transport.socket, until - time.monotonic()
            if source is None or left <= 0:
                raise TimeoutError
            source.settimeout(left)
            try:
                count = source.recv_into(view[nr_bytes - missing :])
            except TimeoutError:
                raise
            except OSError:
                break  # connection reset
            if not count:
                break
            missing -= count
    del data[nr_bytes - missing :]
    return data


class _Dimse(DIMSEServiceProvider):
    """Write the films of one association to the spool, fragment by fragment."""

    def __init__(self, association: Association, spool: Spool, connection: Connection) -> None:
        super().__init__(association)
        self.connection = connection
        self._spool = spool
        self._films: list[IncomingFilm] = []

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take a P-DATA primitive; end the association if it is invalid or too large."""
        try:
            self._receive(primitive)
        except Exception as error:  # noqa: BLE001 - in pynetdicom's thread, which it would end
            self.connection.say(f"it sent an invalid message ({type(error).__name__})")
            self.dul.event_queue.put(_INVALID_PDU)

    def _receive(self, primitive: P_DATA) -> None:
        if self.message is None:
            self.message = self._new_message()
        message = self.message
        super().receive_primitive(primitive)
        if self.message is not None:
            if message.encoded_command_set.tell() > _LARGEST_COMMAND:
                raise ValueError
        elif isinstance(message, C_STORE_RQ):
            self.connection.film_is_whole()
        else:
            self._films.pop().discard()
        if self.msg_queue.qsize() > _MOST_UNSERVED:
            raise ValueError

    def _new_message(self) -> DIMSEMessage:
        message = DIMSEMessage()

        def header() -> Header:
            self.connection.begin_film()
            command = message.command_set
            context = self.assoc._accepted_cx[cast(int, message.context_id)]
            syntax = context.transfer_syntax[0]
            meta = create_file_meta(
                sop_class_uid=command.AffectedSOPClassUID,
                sop_instance_uid=command.AffectedSOPInstanceUID,
                transfer_syntax=syntax,
            )
            return Header(bytes(128) + b"DICM" + encode_file_meta(meta), str(syntax))

        film = IncomingFilm(self._spool, header)
        self._films = [each for each in self._films if not each.settled]
        self._films.append(film)
        # pynetdicom takes this for its own temporary file, and passes it to the event.
        message._data_set_file = message._data_set_path = cast(Any, film)
        return message

    def end(self) -> None:
        """Discard films that were never answered; their sender still has them."""
        for film in self._films:
            if film.size:
                logger.warning("A film of %s was cut off.", self.connection.sender)
            film.discard()
