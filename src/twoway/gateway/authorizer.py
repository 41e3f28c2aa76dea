"""The process that Envoy asks about certificates that it does not know, and tells what it refused. Shell.

It is apart from the control plane, so that a flood of strangers slows down nobody but strangers. It reads the
realm for every decision, remembers refusals for a moment, and never says yes when it cannot read.

    python -m twoway.gateway.authorizer REALM SOCKET

Its standard input is a pipe from the control plane: when that closes, it ends. On its standard output it says
every half second that it is alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import signal
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import grpc.aio
from envoy.config.core.v3 import base_pb2
from envoy.service.accesslog.v3 import als_pb2, als_pb2_grpc
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from sqlalchemy import Connection

from twoway.errors import CertificateUnreadable, TwowayError
from twoway.gateway import reasons
from twoway.gateway.decisions import Allow, Presented, Refuse, decide
from twoway.gateway.journal import Aggregator, take_in
from twoway.gateway.resources.refusals import CONTENT_TYPE, problem
from twoway.gateway.writing import Writer
from twoway.realm import authorities, gateways, journal, services
from twoway.realm.journal import JournalEntry
from twoway.realm.realm import Realm, Revisions, revisions
from twoway.realm.records import ServiceRecord
from twoway.x509.certificates import Certificate, load_certificates

log = logging.getLogger(__name__)

# Of what a caller presented: more is refused before anything looks at it.
_CERTIFICATES = 10
_CHAIN_BYTES = 64 * 1024

# How many refusals are remembered, and for how long; and how much of what a stranger wrote is in one of them.
_REMEMBERED = 10_000
_REMEMBERED_FOR = timedelta(seconds=5)
_DETAIL = 1000

_FLUSH = 0.1
_HEARTBEAT = 0.5

_DENIED = 7  # google.rpc.Code.PERMISSION_DENIED


@dataclass(frozen=True)
class _Question:
    """What Envoy asks."""

    service: str
    ticket: str
    source: str
    chain: tuple[bytes, ...]
    too_large: bool
    facts: Mapping[str, str]


@dataclass(frozen=True)
class _Remembered:
    """A refusal, and how long it holds: until then, and while nothing changes."""

    refusal: Refuse
    state: Revisions
    until: datetime


class Authorizer(external_auth_pb2_grpc.AuthorizationServicer):  # type: ignore[misc]  # generated without types
    """Answers Envoy's questions.

    Args:
        realm: the realm.
        entries: where refusals are noted.
        writer: what writes to the realm.
    """

    def __init__(self, realm: Realm, entries: Aggregator, writer: Writer) -> None:
        self._realm = realm
        self._entries = entries
        self._writer = writer
        self._refusals: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()
        # Which services explain themselves, as far as they were asked about: to say "cannot decide" in their way.
        self._explaining: dict[str, bool] = {}
        self._failing = ""

    async def Check(  # noqa: N802  the protocol's name
        self, request: external_auth_pb2.CheckRequest, _context: object
    ) -> external_auth_pb2.CheckResponse:
        """Answer one question; whatever goes wrong, the answer is not yes."""
        question = _question(request)
        at = datetime.now(UTC)
        leaf = Certificate(question.chain[0]) if question.chain else None
        try:
            with self._realm.reading() as connection:
                service = services.find(connection, question.service)
                decision, revision = self._decision(connection, question, leaf, at)
            self._explaining[service.name] = service.refusals == "explained"
            self._note("")
            if isinstance(decision, Allow):
                self._learn(decision, question, revision, at)
                return _allowed(decision, service)
        except Exception as failure:  # noqa: BLE001  whatever it is, the answer is not yes, and the log has it
            ours = isinstance(failure, TwowayError)
            self._note(str(failure) if ours else repr(failure), trace=not ours)
            decision = Refuse(reasons.CANNOT_DECIDE, detail=str(failure) if ours else "")
        self._entries.add(_entry(question, leaf, decision, at))
        return _refused(decision, question, explained=self._explaining.get(question.service, False))

    def _note(self, problem: str, *, trace: bool = False) -> None:
        """Say once, not at every question, that nothing can be decided, and when it can be again."""
        if problem and problem != self._failing:
            log.error("cannot decide: %s", problem, exc_info=trace)
        elif self._failing and not problem:
            log.warning("can decide again")
        self._failing = problem

    def _decision(
        self, connection: Connection, question: _Question, leaf: Certificate | None, at: datetime
    ) -> tuple[Allow | Refuse, int]:
        """Return the decision and the revision that it was made at."""
        if leaf is None:
            return Refuse(reasons.CERTIFICATE_MISSING), 0
        if question.too_large:
            return Refuse(reasons.CHAIN_TOO_LARGE, detail=f"{len(question.chain)} certificates"), 0
        state = revisions(connection)
        # All that was sent counts: the same certificate may be good with the intermediate that it lacked before.
        key = (hashlib.sha256(b"".join(question.chain)).hexdigest(), question.service)
        remembered = self._refusals.get(key)
        if remembered and remembered.state == state and remembered.until > at:
            return remembered.refusal, state.realm
        decision = _decided(connection, question, leaf, at)
        if isinstance(decision, Refuse):
            decision = replace(decision, detail=decision.detail[:_DETAIL])
            self._remember(key, _Remembered(decision, state, at + _REMEMBERED_FOR), at)
        return decision, state.realm

    def _remember(self, key: tuple[str, str], refusal: _Remembered, at: datetime) -> None:
        self._refusals[key] = refusal
        self._refusals.move_to_end(key)
        # The oldest are first.
        while len(self._refusals) > _REMEMBERED or next(iter(self._refusals.values())).until <= at:
            self._refusals.popitem(last=False)

    def _learn(self, decision: Allow, question: _Question, revision: int, at: datetime) -> None:
        """Let gateways know the certificate; nobody waits for that, and where it comes too late it does nothing."""
        until = decision.learn_until
        if until is None:
            return
        leaf = Certificate(question.chain[0])
        sha256, spki_sha256 = leaf.sha256, leaf.spki_sha256

        def learn() -> None:
            with self._realm.writing() as connection:
                gateways.learn(
                    connection,
                    sha256,
                    decision.binding_id,
                    spki_sha256=spki_sha256,
                    not_after=until,
                    decided_revision=revision,
                    at=at,
                )

        self._writer.put(learn, key=sha256)


class Journal(als_pb2_grpc.AccessLogServiceServicer):  # type: ignore[misc]  # generated without types
    """Takes Envoy's access log.

    Args:
        entries: where it is noted.
    """

    def __init__(self, entries: Aggregator) -> None:
        self._entries = entries
        self._closing = asyncio.Event()

    async def StreamAccessLogs(  # noqa: N802  the protocol's name
        self, request_iterator: AsyncIterator[als_pb2.StreamAccessLogsMessage], _context: object
    ) -> als_pb2.StreamAccessLogsResponse:
        """Take one gateway's stream, until it ends or we do."""
        taking = asyncio.ensure_future(self._take(request_iterator))
        closing = asyncio.ensure_future(self._closing.wait())
        await asyncio.wait({taking, closing}, return_when=asyncio.FIRST_COMPLETED)
        taking.cancel()
        closing.cancel()
        await asyncio.gather(taking, closing, return_exceptions=True)
        return als_pb2.StreamAccessLogsResponse()

    def close(self) -> None:
        """End the streams of gateways that go on without us; gRPC writes a traceback where it has to cancel one."""
        self._closing.set()

    async def _take(self, messages: AsyncIterator[als_pb2.StreamAccessLogsMessage]) -> None:
        async for message in messages:
            take_in(message.http_logs.log_entry, message.tcp_logs.log_entry, self._entries)


def _decided(connection: Connection, question: _Question, leaf: Certificate, at: datetime) -> Allow | Refuse:
    try:
        known = gateways.candidates(
            connection,
            sha256=leaf.sha256,
            spki_sha256=leaf.spki_sha256,
            issuer=leaf.issuer,
            serial_hex=leaf.serial_hex,
        )
        sent = tuple(Certificate(der) for der in question.chain[1:])
        names = [certificate.issuer_name for certificate in (leaf, *sent)]
        partners = gateways.partner_candidates(connection, names)
        ours = leaf.issuer in {record.subject for record in authorities.authorities(connection)}
    except CertificateUnreadable as unreadable:
        return Refuse(reasons.CERTIFICATE_UNREADABLE, detail=str(unreadable))
    return decide(Presented(leaf, sent), known, partners, service=question.service, ours=ours, at=at)


def _question(request: external_auth_pb2.CheckRequest) -> _Question:
    asked = request.attributes
    headers = asked.request.http.headers
    forwarded = headers.get("x-forwarded-client-cert", "")
    # What is far too large is not even parsed; the leaf comes by itself as well.
    far_too_large = len(forwarded) > 3 * _CHAIN_BYTES
    chain = () if far_too_large else _chain(forwarded)
    chain = chain or _certificates(asked.source.certificate)
    return _Question(
        service=asked.context_extensions.get("service", ""),
        ticket=headers.get("x-request-id", ""),
        source=asked.source.address.socket_address.address,
        chain=chain,
        too_large=far_too_large or len(chain) > _CERTIFICATES or sum(map(len, chain)) > _CHAIN_BYTES,
        facts={
            "method": asked.request.http.method,
            "host": asked.request.http.host,
            "path": asked.request.http.path,
        },
    )


def _chain(forwarded: str) -> tuple[bytes, ...]:
    """Return the certificates of the header that Envoy itself made: ``Hash=...;Chain="..."``."""
    _, found, rest = forwarded.partition('Chain="')
    return _certificates(rest.partition('"')[0]) if found else ()


def _certificates(escaped: str) -> tuple[bytes, ...]:
    if not escaped:
        return ()
    try:
        return tuple(certificate.der for certificate in load_certificates(unquote_to_bytes(escaped)))
    except TwowayError:
        # Envoy writes only certificates there. Were it otherwise, nothing that can be read was shown.
        return ()


def _allowed(decision: Allow, service: ServiceRecord) -> external_auth_pb2.CheckResponse:
    answer = external_auth_pb2.CheckResponse()
    answer.status.code = 0
    if "x-client-id" in service.sends:
        answer.ok_response.headers.append(_header("x-client-id", decision.client))
    else:
        answer.ok_response.SetInParent()
    return answer


def _refused(decision: Refuse, question: _Question, *, explained: bool) -> external_auth_pb2.CheckResponse:
    answer = external_auth_pb2.CheckResponse()
    answer.status.code = _DENIED
    answer.denied_response.status.code = decision.reason.status
    if explained:
        answer.denied_response.headers.append(_header("content-type", CONTENT_TYPE))
        answer.denied_response.body = json.dumps(_explanation(decision, question))
    return answer


def _explanation(decision: Refuse, question: _Question) -> dict[str, object]:
    """Return what the partner is told: the reason, and the facts of the certificate that it presented."""
    answer: dict[str, object] = problem(decision.reason, question.ticket)
    if question.chain:
        leaf = Certificate(question.chain[0])
        with contextlib.suppress(CertificateUnreadable):
            answer["certificate"] = {
                "sha256": leaf.sha256,
                "subject": leaf.subject,
                "issuer": leaf.issuer,
                "serial": leaf.serial_hex,
                "not_after": leaf.not_after.isoformat(),
            }
    return answer


def _entry(question: _Question, leaf: Certificate | None, decision: Refuse, at: datetime) -> JournalEntry:
    facts: dict[str, Any] = {}
    if leaf:
        facts["sha256"] = leaf.sha256
        with contextlib.suppress(CertificateUnreadable):
            facts |= {
                "subject": leaf.subject,
                "issuer": leaf.issuer,
                "serial": leaf.serial_hex,
                "not_after": leaf.not_after,
            }
    return JournalEntry(
        kind="refusal",
        code=decision.reason.code,
        at=at,
        ticket=question.ticket or None,
        service=question.service or None,
        client=decision.client,
        source=question.source or None,
        detail={
            **question.facts,
            "status": decision.reason.status,
            "what": decision.reason.title,
            "why": decision.detail,
        },
        **facts,
    )


def _header(name: str, value: str) -> base_pb2.HeaderValueOption:
    made = base_pb2.HeaderValueOption()
    made.header.key, made.header.value = name, value
    made.append_action = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    return made


async def _flushing(realm: Realm, entries: Aggregator, writer: Writer) -> None:
    while True:
        await asyncio.sleep(_FLUSH)
        # While nothing can be written, entries stay where their number is bounded.
        ready = [] if writer.behind else entries.take(datetime.now(UTC))
        if ready:
            writer.put(partial(journal.record, realm, ready))


async def _alive() -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more: standard input is closed too
        while True:
            os.write(1, b".")
            await asyncio.sleep(_HEARTBEAT)


async def _until_the_control_plane_is_gone() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass


async def serve(directory: Path, socket: Path) -> None:
    """Answer on the socket until standard input closes."""
    entries, writer = Aggregator(), Writer()
    with Realm.open(directory) as realm:
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", 1024 * 1024)])
        authorizer = Authorizer(realm, entries, writer)
        external_auth_pb2_grpc.add_AuthorizationServicer_to_server(authorizer, server)
        logs = Journal(entries)
        als_pb2_grpc.add_AccessLogServiceServicer_to_server(logs, server)
        await _listen(server, socket)
        tasks = [asyncio.create_task(_flushing(realm, entries, writer)), asyncio.create_task(_alive())]
        try:
            await _until_the_control_plane_is_gone()
        finally:
            for task in tasks:
                task.cancel()
            logs.close()
            await server.stop(0.2)
            writer.put(partial(journal.record, realm, entries.rest()))
            writer.close()


async def _listen(server: grpc.aio.Server, socket: Path) -> None:
    """Answer on the socket from now on, in the place of whoever did before.

    gRPC removes the path that it was bound to when it ends: an authorizer that ends late would take away the
    socket of its successor, so each is bound to a path of its own that is then renamed.
    """
    own = socket.with_name(f"{socket.name}.{os.getpid()}")
    server.add_insecure_port(f"unix:{own}")
    await server.start()
    own.rename(socket)


def main(directory: Path, socket: Path) -> int:
    """Run the authorizer and return its exit status."""
    logging.basicConfig(level=logging.WARNING, format="twoway: %(levelname)s: %(message)s")
    # Ctrl-C in a terminal reaches the whole group: the control plane ends us by closing the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(serve(directory, socket))
    except TwowayError as failure:
        log.error("the authorizer cannot work: %s", failure)  # noqa: TRY400  the cause is in the message
        return failure.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
