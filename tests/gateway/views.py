"""Views of a realm, made by hand for the pure parts of the gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twoway.gateway.compose import Listen
from twoway.gateway.desired import ServerIdentity
from twoway.realm.gateways import Ended, GatewayView, Leaf
from twoway.realm.records import ServiceRecord

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
LISTEN = Listen("127.0.0.1", 8443)
IDENTITIES = {1: ServerIdentity(b"chain", b"key"), 2: ServerIdentity(b"other", b"key")}


def fingerprint(name: str) -> str:
    """A fingerprint that is told from others."""
    return name.encode().hex().ljust(64, "0")[:64]


def service(number: int, **options: Any) -> ServiceRecord:
    """A service; its id is the number."""
    values = {
        "id": number,
        "name": f"service-{number}",
        "host": None,
        "path": "/" if number == 1 else f"/{number}",
        "upstream": "http://127.0.0.1:8080",
        "client_certificate": "required",
        "handshake": "explain",
        "refusals": "bare",
        "send": "x-client-id",
        "max_stream_seconds": 3600,
        "ca_names": "",
        "vault_entry_id": 1,
        "created": AT,
        "revision": 1,
    }
    return ServiceRecord(**{**values, **options})


def leaf(
    name: str,
    client: int,
    *,
    ends: timedelta = timedelta(days=90),
    begins: timedelta = timedelta(days=-1),
) -> Leaf:
    """A certificate of a client, counted from now."""
    return Leaf(fingerprint(name), client, f"client-{client}", AT + begins, AT + ends, binding_id=client)


def ended(
    name: str, *, service_id: int | None = None, ago: timedelta = timedelta(0), revision: int = 5
) -> Ended:
    """A certificate that has lost its rights."""
    return Ended(1, fingerprint(name), service_id, revision, AT - ago, AT + timedelta(days=90))


def view(*services: ServiceRecord, **parts: Any) -> GatewayView:
    """A moment of a realm."""
    values: dict[str, Any] = {
        "revision": 7,
        "learned_revision": 3,
        "services": services,
        "permissions": {},
        "leaves": [],
        "learned": [],
        "partners": (),
        "ended": (),
    }
    return GatewayView(**{**values, **parts})
