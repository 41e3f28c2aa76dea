"""Whether a server's certificate is for the host that was asked for."""

from __future__ import annotations

import ipaddress

from cryptography import x509

from twoway.x509.certificates import Certificate


def is_for_host(certificate: Certificate, host: str) -> bool:
    """Return whether one of the alternative names is the host, or a wildcard that covers it.

    A wildcard stands for one whole left-most label. The common name is not looked at, as no client does any more.

    Args:
        certificate: the server's own.
        host: a name, in its xn-- form where it is not ASCII, or an IP address without brackets.

    Raises:
        CertificateUnreadable: its names cannot be read.

    Source: RFC 9525, 6.3 and 6.5
    """
    names = certificate.extension(x509.SubjectAlternativeName)
    if names is None:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        wanted = host.lower().removesuffix(".")
        return any(_covers(name, wanted) for name in names.get_values_for_type(x509.DNSName))
    return address in names.get_values_for_type(x509.IPAddress)


def _covers(name: str, host: str) -> bool:
    name = name.lower().removesuffix(".")
    if not name.startswith("*."):
        return name == host
    label, dot, rest = host.partition(".")
    return bool(label and dot) and rest == name[2:]
