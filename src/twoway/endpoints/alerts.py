"""TLS alerts by name, and what a server means that sends one to a client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alert:
    """Why a peer ended a connection.

    Args:
        name: as the RFCs spell it.
        meaning: what it says of us, in words.
        of_certificate: it speaks of a certificate; else of the connection, or of nothing in particular.
    """

    name: str
    meaning: str
    of_certificate: bool = False


# Source: RFC 8446 section 6, RFC 5246 section 7.2, and the IANA registry "TLS Alerts".
ALERTS = {
    10: Alert("unexpected_message", "it took what we sent for out of turn"),
    20: Alert("bad_record_mac", "what we sent was damaged on its way"),
    22: Alert("record_overflow", "what we sent was damaged on its way"),
    40: Alert("handshake_failure", "it gives no reason", of_certificate=True),
    42: Alert("bad_certificate", "the certificate is damaged or breaks its rules", of_certificate=True),
    43: Alert("unsupported_certificate", "it does not take this kind of certificate", of_certificate=True),
    44: Alert("certificate_revoked", "the certificate was revoked by its issuer", of_certificate=True),
    45: Alert("certificate_expired", "the certificate has ended", of_certificate=True),
    46: Alert("certificate_unknown", "it does not accept the certificate", of_certificate=True),
    47: Alert("illegal_parameter", "it took what we sent for nonsense"),
    48: Alert("unknown_ca", "it does not know the issuer of the certificate", of_certificate=True),
    49: Alert("access_denied", "it knows the certificate and does not let it in", of_certificate=True),
    50: Alert("decode_error", "it could not read what we sent"),
    51: Alert("decrypt_error", "our signature did not convince it", of_certificate=True),
    70: Alert("protocol_version", "it has no TLS version in common with us (1.2 and 1.3)"),
    71: Alert("insufficient_security", "it wants stronger ciphers than we offer"),
    80: Alert("internal_error", "it failed for a reason of its own"),
    86: Alert("inappropriate_fallback", "something in between tried to weaken the connection"),
    109: Alert("missing_extension", "it wants an extension that we do not send"),
    110: Alert("unsupported_extension", "it does not take an extension that we send"),
    112: Alert("unrecognized_name", "it serves no such host"),
    116: Alert("certificate_required", "it demands a certificate", of_certificate=True),
    120: Alert("no_application_protocol", "it does not speak HTTP/1.1"),
}
# close_notify and user_canceled announce an end in order (RFC 8446 section 6.1).
CLOSURES = {0, 90}


def alert(number: int) -> Alert:
    """Return an alert by its number; one that no RFC names has its number for a name."""
    return ALERTS.get(number) or Alert(f"alert {number}", "no RFC says what that means")


def alert_named(name: str) -> Alert:
    """Return an alert by its name; one that no RFC has keeps it."""
    known = next((one for one in ALERTS.values() if one.name == name), None)
    return known or Alert(name, "no RFC says what that means")
