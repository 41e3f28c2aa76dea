"""What the handshake shows and checks: server identities, trust and the names in a certificate request. Pure."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from twoway.gateway.desired import Host
from twoway.gateway.resources.listeners import identity_name, trust_name
from twoway.gateway.resources.messages import Secret, message


def identity(host: Host) -> Secret:
    """Return the host's certificate chain and key."""
    made = Secret(name=identity_name(host))
    made.tls_certificate.certificate_chain.inline_bytes = host.identity.chain
    made.tls_certificate.private_key.inline_bytes = host.identity.key
    return made


def trust(host: Host) -> Secret:
    """Return what the host's handshakes check of a client's certificate.

    A host that explains lets any handshake finish, so that the refusal can be an answer: nothing is trusted
    here, and the certificate request carries names only where the host configures some. A strict host ends the
    handshake of a certificate that is not known; where partner CAs are among what it knows, it must trust
    them, and Envoy then sends their names.
    """
    context: dict[str, Any]
    if not host.strict:
        context = {"trust_chain_verification": "ACCEPT_UNTRUSTED"}
        if host.ca_names:
            context["trusted_ca"] = {"inline_string": _pem(host.ca_names)}
    elif host.trusted:
        context = {"trusted_ca": {"inline_string": _pem((*host.trusted, *host.ca_names))}}
    else:
        context = {"verify_certificate_hash": ["0" * 64]}  # nobody is known: no certificate has this one
    return message(Secret, {"name": trust_name(host), "validation_context": context})


def _pem(certificates: tuple[bytes, ...]) -> str:
    return "".join(
        load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()
        for der in dict.fromkeys(certificates)
    )
