"""What Envoy says of handshakes that failed and requests that it refused, as journal entries. Shell.

A flood is one entry with a count: the first entries alike are written one by one, so that a ticket can be found,
the others are counted, and neither their number nor the number of their kinds is unbounded.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from envoy.config.core.v3.base_pb2 import RequestMethod
from envoy.data.accesslog.v3.accesslog_pb2 import (
    AccessLogCommon,
    HTTPAccessLogEntry,
    TCPAccessLogEntry,
    TLSProperties,
)
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from twoway.gateway.reasons import (
    AMBIGUOUS_PATH,
    CANNOT_DECIDE,
    CERTIFICATE_MISSING,
    HEADERS_TOO_LARGE,
    MALFORMED,
    NO_SERVICE,
    REFUSED,
    UNDERSCORE,
    UPSTREAM_AWAY,
    WRONG_HOST,
    handshake_failure,
)
from twoway.gateway.resources.matchers import FINGERPRINT
from twoway.realm.journal import TEXT_LIMIT, JournalEntry

log = logging.getLogger(__name__)

# Entries alike that are written one by one in a window, before the others are counted.
_ONE_BY_ONE = 20
# All those that are written one by one in a window, beside the first of each kind.
_ENTRIES = 1000
_WINDOW = timedelta(seconds=10)
# Kinds that are told apart in a window; what comes after these is counted together.
_KINDS = 500

_DETAILS = {
    "ext_authz_error": CANNOT_DECIDE.code,
    "path_normalization_failed": AMBIGUOUS_PATH.code,
    "http1.unexpected_underscore": UNDERSCORE.code,
    "http1.headers_too_large": HEADERS_TOO_LARGE.code,
    "http1.too_many_headers": HEADERS_TOO_LARGE.code,
    "route_not_found": NO_SERVICE.code,
    "absolute_path_rejected": MALFORMED.code,
    "low_version": MALFORMED.code,
    "missing_host_header": MALFORMED.code,
    "missing_path_rejected": MALFORMED.code,
    "upgrade_failed": MALFORMED.code,
}
# What Envoy's parsers say begins with one of these.
_PARSERS = ("http.", "http1.", "http2.")
_ROUTES = {
    "certificate-missing": CERTIFICATE_MISSING.code,
    "path-ambiguous": AMBIGUOUS_PATH.code,
    "no-service": NO_SERVICE.code,
    "misdirected": WRONG_HOST.code,
}
# Answers of the authorizer: it writes them down itself, with the true reason.
_ITS_OWN = ("ext_authz_denied",)


def refused_request(entry: HTTPAccessLogEntry) -> JournalEntry | None:
    """Return the entry of a request that Envoy refused; None where the authorizer did, and has noted it."""
    common, details = entry.common_properties, entry.response.response_code_details
    if details in _ITS_OWN:
        return None
    kind, _, service = common.route_name.partition(":")
    if details == "direct_response":
        code = _ROUTES.get(kind, REFUSED.code)
    elif details.startswith("upstream_"):
        code = UPSTREAM_AWAY.code
    else:
        code = _DETAILS.get(details, MALFORMED.code if details.startswith(_PARSERS) else REFUSED.code)
    certificate = common.tls_properties.peer_certificate_properties
    return JournalEntry(
        kind="refusal",
        code=code,
        at=_moment(common),
        ticket=entry.request.request_id or None,
        service=service or None,
        source=_source(common),
        sha256=_fingerprint(common),
        subject=certificate.subject or None,
        detail={
            "status": entry.response.response_code.value,
            "method": RequestMethod.Name(entry.request.request_method),
            "host": entry.request.authority,
            "path": entry.request.original_path or entry.request.path,
            "gateway": details,
            "tls": _tls_version(common.tls_properties),
        },
    )


def failed_handshake(entry: TCPAccessLogEntry) -> JournalEntry:
    """Return the entry of a handshake that failed.

    The caller has not proven its key: the certificate that it presented is not named as the caller's, as it may be
    anybody's.
    """
    common = entry.common_properties
    said = common.downstream_transport_failure_reason
    failure = handshake_failure(said)
    subject = common.tls_properties.peer_certificate_properties.subject
    detail = {"gateway": said, "sni": common.tls_properties.tls_sni_hostname, "what": failure.title}
    if subject:
        detail["presented"] = subject
    return JournalEntry(
        kind="handshake",
        code=failure.code,
        at=_moment(common),
        source=_source(common),
        detail=detail,
    )


@dataclass
class _Alike:
    """Entries that differ in nothing but their moment and ticket."""

    first: JournalEntry
    seen: int = 0
    counted: int = 0
    last: datetime = field(default_factory=lambda: datetime.now(UTC))


class Aggregator:
    """Takes entries one by one, and gives back what is to be written: bounded, whatever comes in."""

    def __init__(self) -> None:
        self._alike: OrderedDict[tuple[str | None, ...], _Alike] = OrderedDict()
        self._ready: list[JournalEntry] = []
        self._began: datetime | None = None
        self._looks: dict[tuple[str, ...], _Alike] = {}
        self._one_by_one = 0

    def again(self, look: tuple[str, ...]) -> bool:
        """Count one more of a look that there were enough of already; return whether there were.

        Args:
            look: what ``add`` was given with the first of them.
        """
        alike = self._looks.get(look)
        if alike is None or alike.seen < _ONE_BY_ONE:
            return False
        alike.seen += 1
        alike.counted += 1
        alike.last = datetime.now(UTC)
        return True

    def add(self, entry: JournalEntry, look: tuple[str, ...] | None = None) -> None:
        """Take an entry.

        Args:
            entry: the entry.
            look: what later ones like it can be told by, before they are looked at closely.
        """
        self._began = self._began or entry.at
        entry = _cut(entry)
        key = _key(entry)
        if key not in self._alike and len(self._alike) >= _KINDS:
            key = (entry.kind, "others", None, None, None)
            entry = replace(
                entry, code="others", service=None, client=None, source=None, subject=None, sha256=None
            )
        alike = self._alike.setdefault(key, _Alike(entry))
        if look and len(self._looks) < _KINDS:
            self._looks[look] = alike
        alike.seen += 1
        alike.last = entry.at
        if alike.seen == 1:
            self._ready.append(entry)
        elif alike.seen <= _ONE_BY_ONE and self._one_by_one < _ENTRIES:
            self._one_by_one += 1
            self._ready.append(entry)
        else:
            alike.counted += 1

    def take(self, at: datetime) -> list[JournalEntry]:
        """Return what is to be written now; the counts come when their window ends.

        A window does not end before this is called: what nobody can write is counted, however long it takes.
        """
        ready, self._ready = self._ready, []
        if self._began and at - self._began >= _WINDOW:
            ready += self._counts()
            self._alike.clear()
            self._looks.clear()
            self._began, self._one_by_one = None, 0
        return ready

    def rest(self) -> list[JournalEntry]:
        """Return everything that was not written yet."""
        ready, self._ready = [*self._ready, *self._counts()], []
        self._alike.clear()
        return ready

    def _counts(self) -> Iterator[JournalEntry]:
        for alike in self._alike.values():
            if alike.counted:
                yield replace(
                    alike.first, first_at=alike.first.at, at=alike.last, count=alike.counted, ticket=None
                )


def take_in(
    http: Iterable[HTTPAccessLogEntry], tcp: Iterable[TCPAccessLogEntry], entries: Aggregator
) -> None:
    """Take in one message of Envoy's access log; what there is much of is counted without a closer look."""
    for refused in http:
        look = _look(refused)
        if not entries.again(look):
            entry = refused_request(refused)
            if entry:
                entries.add(entry, look)
    for failed in tcp:
        entries.add(failed_handshake(failed))


def _look(entry: HTTPAccessLogEntry) -> tuple[str, ...]:
    """Return what tells refusals apart at little cost: a flood has few looks."""
    common = entry.common_properties
    return (
        entry.response.response_code_details,
        common.route_name,
        common.downstream_remote_address.socket_address.address,
        common.tls_properties.peer_certificate_properties.subject,
    )


def _cut(entry: JournalEntry) -> JournalEntry:
    """Return the entry without more of a stranger's text than is written in the end."""
    longest = TEXT_LIMIT + 1  # one more than is shown, to show that it was cut
    detail = {
        name: value[:longest] if isinstance(value, str) else value for name, value in entry.detail.items()
    }
    subject, issuer = (text and text[:longest] for text in (entry.subject, entry.issuer))
    return replace(entry, detail=detail, subject=subject, issuer=issuer)


def _key(entry: JournalEntry) -> tuple[str | None, ...]:
    certificate = entry.sha256 or entry.subject or entry.detail.get("presented")
    return (entry.kind, entry.code, entry.service, certificate, entry.source)


def _moment(common: AccessLogCommon) -> datetime:
    return common.start_time.ToDatetime(tzinfo=UTC) if common.HasField("start_time") else datetime.now(UTC)


def _source(common: AccessLogCommon) -> str | None:
    return common.downstream_remote_address.socket_address.address or None


def _tls_version(tls: TLSProperties) -> str:
    return str(TLSProperties.TLSVersion.Name(tls.tls_version))


def _fingerprint(common: AccessLogCommon) -> str | None:
    held = common.filter_state_objects.get(FINGERPRINT)
    if held is None:
        return None
    for kind in (StringValue, BytesValue):
        value = kind()
        if held.Unpack(value):
            text = value.value if isinstance(value.value, str) else value.value.decode("ascii", "replace")
            return text if len(text) == 64 else None
    return None
