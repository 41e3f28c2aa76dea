"""HTTP/2 over a raw connection: one request after the other, with headers that no honest client sends."""

from __future__ import annotations

from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset

from tests.parts.answers import Answer, NoAnswer
from tests.parts.raw import Closed, Connection

Header = tuple[str, str]


class StreamRefused(NoAnswer):
    """The server reset the stream, or ended the connection with GOAWAY; the message has the error code."""


class Http2:
    """An HTTP/2 client on a connection whose ALPN is ``h2``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # What is sent is not tidied: upper-case names, forbidden headers and missing ones go out as given.
        self._state = H2Connection(
            H2Configuration(
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                header_encoding="utf-8",
            )
        )
        self._state.initiate_connection()
        self._flush()

    def request(
        self,
        target: str = "/",
        *,
        method: str = "GET",
        host: str = "localhost",
        headers: Iterable[Header] = (),
        body: bytes = b"",
    ) -> Answer:
        """Send a request on a new stream and read its answer."""
        pseudo = [(":method", method), (":scheme", "https"), (":authority", host), (":path", target)]
        return self.send([*pseudo, *headers], body)

    def send(self, headers: Iterable[Header], body: bytes = b"") -> Answer:
        """Send these very headers, pseudo-headers among them, and read the answer."""
        stream = self._state.get_next_available_stream_id()
        self._state.send_headers(stream, list(headers), end_stream=not body)
        if body:
            self._state.send_data(stream, body, end_stream=True)
        self._flush()
        return self._answer(stream)

    def _answer(self, stream: int) -> Answer:
        fields: tuple[Header, ...] = ()
        body = b""
        while data := self._connection.receive():
            for event in self._state.receive_data(data):
                if isinstance(event, ConnectionTerminated):
                    raise StreamRefused(f"goaway {event.error_code!r}")
                if getattr(event, "stream_id", None) != stream:
                    continue
                if isinstance(event, StreamReset):
                    raise StreamRefused(f"reset {event.error_code!r}")
                if isinstance(event, ResponseReceived):
                    fields = tuple((str(name), str(value)) for name, value in event.headers)
                if isinstance(event, DataReceived):
                    body += event.data
                    self._state.acknowledge_received_data(event.flow_controlled_length, stream)
                if isinstance(event, StreamEnded):
                    self._flush()
                    return self._as_answer(fields, body)
            self._flush()
        raise Closed("the server closed before it had answered")

    def _as_answer(self, fields: tuple[Header, ...], body: bytes) -> Answer:
        status = int(dict(fields)[":status"])
        plain = tuple(field for field in fields if not field[0].startswith(":"))
        tls = self._connection.tls
        return Answer(status, "HTTP/2", tls, plain, body.decode(), self._connection.resumed)

    def _flush(self) -> None:
        if data := self._state.data_to_send():
            self._connection.send(data)
