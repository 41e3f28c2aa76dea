"""What the services of one host share, whatever each of them says: a handshake ends before a path is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from twoway.findings import Finding, Severity
from twoway.realm import tables
from twoway.realm.records import ServiceRecord


def others_of_host(connection: Connection, name: str, host: str | None) -> tuple[ServiceRecord, ...]:
    """Return the services of a host but the one of that name, by name."""
    columns = tables.service.c
    query = ServiceRecord.query(columns.host.is_not_distinct_from(host), columns.name != name)
    return tuple(ServiceRecord.many(connection, query.order_by(columns.name)))


def host_text(host: str | None) -> str:
    """Return a host in words."""
    return "every other host" if host is None else host


def shared(service: ServiceRecord, others: Iterable[ServiceRecord], *, brought: bool) -> tuple[Finding, ...]:
    """Return what of a service holds for the others of its host too, or of theirs for it.

    Args:
        service: the one that was added or changed.
        others: those of its host, without itself.
        brought: whether a certificate came with it.
    """
    others = tuple(others)
    certificate = _certificate(service, others) if brought else ()
    return (*_ca_names(service, others), *_asking(service, others), *certificate)


def _ca_names(service: ServiceRecord, others: tuple[ServiceRecord, ...]) -> Iterator[Finding]:
    differing = [one for one in others if set(one.ca_subjects) != set(service.ca_subjects)]
    if differing:
        yield _ca_names_shared(service, [one.name for one in differing])


def _asking(service: ServiceRecord, others: tuple[ServiceRecord, ...]) -> Iterator[Finding]:
    off = [one.name for one in (service, *others) if one.client_certificate == "off"]
    asking = [one.name for one in (service, *others) if one.client_certificate != "off"]
    if off and asking:
        yield _asks_on_host(service, off, asking)


def _certificate(service: ServiceRecord, others: tuple[ServiceRecord, ...]) -> Iterator[Finding]:
    if others:
        yield _certificate_shared(service, [one.name for one in others])


def _ca_names_shared(service: ServiceRecord, others: list[str]) -> Finding:
    host = host_text(service.host)
    return Finding(
        code="service-ca-names-shared",
        severity=Severity.WARNING,
        title=f"{service.name} names other CAs than {', '.join(others)}, and handshakes of {host} name those of all",
        cause="a handshake ends before a path is known, so that its CA names are those of all services of the host",
        remedy="give all services of the host the same --ca-name, or this one a host of its own",
        facts={"host": service.host, "service": service.name, "others": others},
    )


def _asks_on_host(service: ServiceRecord, off: list[str], asking: list[str]) -> Finding:
    return Finding(
        code="service-asks-on-host",
        severity=Severity.INFO,
        title=f"callers of {', '.join(off)} are asked for a certificate all the same, as {', '.join(asking)} wants one",
        cause="a handshake ends before a path is known; whoever has none is let in, and a browser may ask its user",
        remedy="nothing, or give the service that wants none a host of its own",
        facts={"host": service.host, "off": off, "asking": asking},
    )


def _certificate_shared(service: ServiceRecord, others: list[str]) -> Finding:
    return Finding(
        code="host-certificate-shared",
        severity=Severity.INFO,
        title=f"the certificate is now that of {', '.join(others)} too",
        cause=f"a handshake ends before a path is known: {host_text(service.host)} has one certificate",
        remedy="nothing, or give the service a host of its own",
        facts={"host": service.host, "service": service.name, "others": others},
    )
