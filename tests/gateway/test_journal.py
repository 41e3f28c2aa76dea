"""What Envoy says, as journal entries; a flood of them is counted, in bounded memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry, TCPAccessLogEntry
from google.protobuf.wrappers_pb2 import StringValue

from twoway.gateway import journal
from twoway.gateway.journal import Aggregator, failed_handshake, refused_request, take_in
from twoway.gateway.resources.matchers import FINGERPRINT
from twoway.realm.journal import TEXT_LIMIT, JournalEntry

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def refusal(certificate: str = "a", *, at: datetime = AT, ticket: str = "t", path: str = "/") -> JournalEntry:
    """A refusal of a stranger's certificate."""
    return JournalEntry(
        kind="refusal",
        code="certificate-unknown",
        at=at,
        ticket=ticket,
        sha256=certificate,
        source="192.0.2.1",
        detail={"path": path},
    )


def added(count: int, *certificates: str) -> Aggregator:
    """An aggregator that was given so many entries of each certificate."""
    made = Aggregator()
    for n in range(count):
        for certificate in certificates:
            made.add(refusal(certificate, at=AT + n * timedelta(milliseconds=1), ticket=str(n)))
    return made


def total(entries: list[JournalEntry]) -> int:
    """How many refusals they stand for."""
    return sum(entry.count for entry in entries)


def test_few_are_written_one_by_one() -> None:
    """Each has the ticket that the partner was told."""
    assert ["0", "1", "2"] == [entry.ticket for entry in added(3, "a").take(AT)]


def test_many_alike_are_counted() -> None:
    """When their window ends, in one entry from the first to the last; nothing is lost or counted twice."""
    made = added(1000, "a")
    now, then, later = made.take(AT + SECOND), made.take(AT + 9 * SECOND), made.take(AT + 10 * SECOND)
    [counted] = later
    assert (1000, [], None) == (total([*now, *later]), then, counted.ticket)
    assert (AT, AT + timedelta(milliseconds=999)) == (counted.first_at, counted.at)


def test_next_window_begins_anew() -> None:
    """A partner that comes after a flood finds its ticket."""
    made = added(1000, "a")
    made.take(AT + 10 * SECOND)
    made.add(refusal(at=AT + 11 * SECOND, ticket="late"))
    assert ["late"] == [entry.ticket for entry in made.take(AT + 11 * SECOND)]


def test_different_ones_are_counted_apart() -> None:
    """The certificate of a flood does not hide another one."""
    made = added(100, "a", "b")
    entries = made.take(AT + 10 * SECOND)
    assert {"a": 100, "b": 100} == {
        one: total([entry for entry in entries if entry.sha256 == one]) for one in ("a", "b")
    }


def test_kinds_are_bounded() -> None:
    """Somebody comes with another certificate each time: what is above is counted together."""
    made = added(1, *(str(n) for n in range(20_000)))
    assert len(made._alike) <= journal._KINDS + 1
    entries = made.take(AT + 10 * SECOND)
    assert (20_000, True) == (total(entries), len(entries) < 2 * journal._KINDS)
    assert "others" == entries[-1].code


def test_entries_are_bounded() -> None:
    """Many certificates, each of them many times: the first of each has its ticket, and few more."""
    names = [str(n) for n in range(journal._KINDS)]
    made = added(20, *names)
    assert len(made._ready) <= journal._KINDS + journal._ENTRIES
    entries = made.take(AT + 10 * SECOND)
    assert 20 * journal._KINDS == total(entries)
    assert set(names) == {entry.sha256 for entry in entries if entry.ticket == "0"}


def test_memory_is_bounded_while_nothing_can_be_written() -> None:
    """Entries that nobody takes are counted like those of a window that does not end."""
    made = Aggregator()
    for minute in range(60):
        for n in range(200):
            made.add(refusal(str(n % 50), at=AT + minute * 60 * SECOND))
    held = len(made._ready)
    assert held <= journal._KINDS + journal._ENTRIES
    assert 12_000 == total(made.take(AT + timedelta(hours=1)))


def test_long_texts_are_cut_when_they_come_in() -> None:
    """A path of 60 kB is not kept until it is written."""
    made = Aggregator()
    made.add(refusal(path="/" + "x" * 60_000))
    assert len(made._ready[0].detail["path"]) <= TEXT_LIMIT + 1


def test_rest_is_everything() -> None:
    """What was not written when it ends."""
    made = added(1000, "a")
    assert 1000 == total(made.rest())
    assert [] == made.rest()


def http(details: str, *, route: str = "", subject: str = "") -> HTTPAccessLogEntry:
    """An entry of Envoy's about a request."""
    entry = HTTPAccessLogEntry()
    entry.response.response_code_details = details
    entry.response.response_code.value = 403
    entry.request.request_id = "ticket"
    entry.request.path = "/orders"
    common = entry.common_properties
    common.route_name = route
    common.downstream_remote_address.socket_address.address = "192.0.2.1"
    common.tls_properties.peer_certificate_properties.subject = subject
    common.filter_state_objects[FINGERPRINT].Pack(StringValue(value="ab" * 32))
    return entry


@pytest.mark.parametrize(
    ("details", "route", "code"),
    [
        ("ext_authz_error", "known:orders", "cannot-decide"),
        ("direct_response", "certificate-missing:orders", "certificate-missing"),
        ("direct_response", "path-ambiguous", "path-ambiguous"),
        ("direct_response", "no-service", "no-service"),
        ("direct_response", "misdirected", "misdirected"),
        (
            "upstream_reset_before_response_started{connection_termination}",
            "known:orders",
            "upstream-unreachable",
        ),
        ("something_new", "known:orders", "request-refused"),
    ],
)
def test_refused_request_has_its_reason(details: str, route: str, code: str) -> None:
    """Envoy's own words become one of our codes."""
    entry = refused_request(http(details, route=route))
    assert entry is not None
    assert (code, "ticket", "192.0.2.1", "ab" * 32) == (entry.code, entry.ticket, entry.source, entry.sha256)


def test_refusals_of_the_authorizer_are_its_own() -> None:
    """It has written them down with the true reason."""
    assert refused_request(http("ext_authz_denied", route="known:orders")) is None


def test_flood_is_counted_without_a_closer_look() -> None:
    """Nothing is lost by it."""
    made = Aggregator()
    take_in([http("ext_authz_error", route="known:orders", subject="CN=x")] * 1000, [], made)
    assert 1000 == total(made.rest())


def tcp(reason: str, subject: str = "") -> TCPAccessLogEntry:
    """An entry of Envoy's about a handshake."""
    entry = TCPAccessLogEntry()
    common = entry.common_properties
    common.downstream_transport_failure_reason = reason
    common.tls_properties.peer_certificate_properties.subject = subject
    return entry


@pytest.mark.parametrize(
    ("marker", "code"),
    [("KEY_USAGE_BIT_INCORRECT", "handshake-key-usage"), ("BAD_SIGNATURE", "handshake-key-unproven")],
)
def test_failed_handshake_blames_nobody(marker: str, code: str) -> None:
    """Who has not proven a key presents anybody's certificate: it is told, and not as the caller's."""
    entry = failed_handshake(tcp(f"TLS_error:|...:{marker}:TLS_error_end", "CN=globex"))
    assert (code, None, "CN=globex") == (entry.code, entry.subject, entry.detail["presented"])
