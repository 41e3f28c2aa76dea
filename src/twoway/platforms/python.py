"""Python: ``ssl`` and what stands on it (urllib, httpx2, requests), and a server that asks for certificates.

Source: docs.python.org, "ssl", and experiments with Python 3.11, httpx2 2 and requests 2.32.
"""

from __future__ import annotations

from collections.abc import Iterator
from string import Template

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from twoway.findings import Finding, Severity
from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import (
    address,
    chain_file,
    client_handover,
    crl_file,
    encrypted_key_file,
    server_handover,
    trust_client,
    trust_file,
)
from twoway.platforms.platform import ANY_KEY, Accepts, Failure, File, Platform, Proven, Rendered, Root, Use
from twoway.platforms.presented import Presented
from twoway.platforms.verification import TRUST_CHECKS, crl_missing, server_notes
from twoway.x509.certificates import Certificate
from twoway.x509.purposes import Purpose

_SOURCE = "docs.python.org: ssl, and experiments with Python 3.11"

_CLIENT = Template('''\
"""Calls with a client certificate. Made by twoway.

The password of client.key is in the environment variable KEY_PASSWORD.
"""

import os
import ssl
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
URL = $url


def context() -> ssl.SSLContext:
    """Return what every library here takes: whom to trust, and the certificate to show."""
    made = ssl.create_default_context($cafile)
    made.load_cert_chain(HERE / "client.pem", HERE / "client.key", lambda: os.environ["KEY_PASSWORD"])
    # Some servers ask for the certificate for single paths only, after the handshake.
    made.post_handshake_auth = True
    return made


def with_urllib(url: str) -> tuple[int, str]:
    """The standard library alone."""
    import urllib.request

    with urllib.request.urlopen(url, context=context(), timeout=30) as response:
        return response.status, response.read().decode()


def with_httpx2(url: str) -> tuple[int, str]:
    """pip install httpx2; httpx has the same interface."""
    import httpx2

    with httpx2.Client(verify=context()) as client:
        response = client.get(url)
        return response.status_code, response.text


def with_requests(url: str) -> tuple[int, str]:
    """pip install requests; its own cert=(...) takes no key with a password."""
    import requests
    from requests.adapters import HTTPAdapter

    class Certified(HTTPAdapter):
        def init_poolmanager(self, *args, **options):
            super().init_poolmanager(*args, ssl_context=context(), **options)

    with requests.Session() as session:
        session.mount("https://", Certified())
$verify        response = session.get(url, timeout=30)
        return response.status_code, response.text


if __name__ == "__main__":
    library = sys.argv[1] if sys.argv[1:] else "urllib"
    print(*{"urllib": with_urllib, "httpx2": with_httpx2, "requests": with_requests}[library](URL))
''')

_VERIFY = """\
        # Without this it would trust every public CA beside.
        session.verify = str(HERE / "server-ca.pem")
"""

_CLIENT_STEPS = Template("""
## What you do

1. Put the files of `keep/` beside your program, readable for it alone.
2. Set the kit's password in the environment of your program: `KEY_PASSWORD`.
3. Use `context()` of `client.py`: as `verify=` of httpx2, as `ssl_context=` of requests' adapter, as `context=` of
   urllib, as `ssl=` of aiohttp. The functions there show each.

## What the other side does

1. $trusting
$server
## See that it works

1. `KEY_PASSWORD=... python3 keep/client.py` shows the status and the answer; `python3 keep/client.py httpx2` and
   `requests` do the same with those libraries.
2. Without `load_cert_chain` the same ends with `TLSV13_ALERT_CERTIFICATE_REQUIRED`.
""")

_UNTRUSTED = """\
2. Its certificate must come of a public CA, as no other was given: make the kit with `--trust` for one of its own.
"""

_SERVER = Template('''\
"""A server that asks for client certificates. Made by twoway.

The password of server.key is in the environment variable KEY_PASSWORD.
"""

import json
import os
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
PORT = $port


def context() -> ssl.SSLContext:
    """Return what http.server, asyncio and hypercorn take."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=HERE / "client-ca.pem")
    made.load_cert_chain(HERE / "server.pem", HERE / "server.key", lambda: os.environ["KEY_PASSWORD"])
    # Without this line nobody is asked for a certificate.
    made.verify_mode = ssl.CERT_REQUIRED
$revocation    return made


class Server(ThreadingHTTPServer):
    """Each handshake has a thread of its own, so that a slow client keeps nobody waiting."""

    tls = context()

    def finish_request(self, request, client_address):
        request.settimeout(30)
        with self.tls.wrap_socket(request, server_side=True) as connection:
            self.RequestHandlerClass(connection, client_address, self)

    def handle_error(self, request, client_address):
        import sys

        print("refused", client_address[0], sys.exc_info()[1], flush=True)


class Handler(BaseHTTPRequestHandler):
    """Says who is calling."""

    def do_GET(self):
        subject = dict(part[0] for part in self.connection.getpeercert()["subject"])
        body = json.dumps({"client": subject.get("commonName")}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with Server(("", PORT), Handler) as server:
        print("listening on", PORT, flush=True)
        server.serve_forever()
''')

_REVOCATION = """\
    made.load_verify_locations(HERE / "client-ca.crl")
    made.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
"""

_SERVER_STEPS = Template("""
## What you do

1. Put the files of `keep/` beside your program, readable for it alone.
2. Set the kit's password in the environment of your program: `KEY_PASSWORD`.
3. Give `context()` of `server.py` to your own server, or start from `server.py`. uvicorn takes the files instead:
   `uvicorn app:app --port $port --ssl-certfile server.pem --ssl-keyfile server.key --ssl-ca-certs client-ca.pem
   --ssl-cert-reqs 2`, with the key's password in its configuration (`ssl_keyfile_password`), not as an option.

## What the other side does

1. It trusts `send/server-ca.pem` for this server.
2. It shows a certificate with the purpose clientAuth, together with its intermediates, of one of these: $names.
   This server does not name its CAs: clients send what they have.

## See that it works

1. `KEY_PASSWORD=... python3 keep/server.py` says `listening on $port`.
2. `curl --cacert send/server-ca.pem --cert client.pem --key client.key https://$authority/` shows the client's name.
3. Without `--cert` and `--key` the same ends with `alert certificate required`.
""")


def _client(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-PARTNER.example"
    address(url, url)
    trust = (trust_file(order, "server-ca.pem", "whom to trust as the server"),) if order.trusted else ()
    text = _CLIENT.substitute(
        url=repr(url),
        cafile='cafile=HERE / "server-ca.pem"' if trust else "",
        verify=_VERIFY if trust else "",
    )
    return Rendered(
        keep=(
            chain_file(order, "client.pem"),
            encrypted_key_file(order, "client.key"),
            *trust,
            File("client.py", text.encode(), "an SSL context with all of that, and calls to try"),
        ),
        send=client_handover(order),
        steps=_CLIENT_STEPS.substitute(trusting=trust_client(order), server="" if trust else _UNTRUSTED),
    )


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://localhost:8443")
    crls = (crl_file(order, "client-ca.crl"),) if order.crls else ()
    text = _SERVER.substitute(port=here.port, revocation=_REVOCATION if crls else "")
    return Rendered(
        keep=(
            chain_file(order, "server.pem"),
            encrypted_key_file(order, "server.key"),
            trust_file(order, "client-ca.pem", "the CAs whose clients are let in"),
            *crls,
            File("server.py", text.encode(), "a server that asks for certificates"),
        ),
        send=server_handover(order),
        steps=_SERVER_STEPS.substitute(
            port=here.port,
            authority=here.authority,
            names=", ".join(f"`{entry.certificate.subject}`" for entry in order.trusted) or "none",
        ),
        notes=(*server_notes(order, here if order.peer else None), *crl_missing(order)),
    )


def strict_authorities(file: Presented) -> Iterator[Finding]:
    """Python 3.13 and later verify by the letter of RFC 5280, which CAs made with openssl req -x509 often break.

    Source: docs.python.org, ssl.create_default_context: VERIFY_X509_STRICT since 3.13; tried with the flag set on 3.11
    """
    for entry in file.keystore.trusted:
        if missing := _not_strict(entry.certificate):
            yield Finding(
                "authority-refused-by-strict-python",
                Severity.WARNING,
                f"Python 3.13 and later do not take {entry.certificate.subject} as a CA: it has no {missing}",
                "ssl.create_default_context sets VERIFY_X509_STRICT there: what RFC 5280 asks of a CA is required",
                "have the CA's certificate made anew with it, as twoway init does",
                facts={"file": file.name, "certificate": entry.certificate.subject, "missing": missing},
            )


def _not_strict(certificate: Certificate) -> str:
    """Return what a CA's certificate lacks, or nothing; a certificate that is no CA is not looked at."""
    if not certificate.is_ca:
        return ""
    extensions = certificate.parsed.extensions
    present = {extension.oid for extension in extensions}
    if ExtensionOID.KEY_USAGE not in present:
        return "key usage extension"
    if not extensions.get_extension_for_class(x509.BasicConstraints).critical:
        return "basic constraints that are critical"
    return "" if ExtensionOID.SUBJECT_KEY_IDENTIFIER in present else "subject key identifier"


PLATFORM = Platform(
    name="python",
    title="Python",
    versions="3.9 and later; tried with 3.11",
    proof=Proven("Python, httpx2 and requests in tests/interop/platforms/test_python.py"),
    uses=(
        Use(
            name="client",
            title="Python calls a partner's API",
            accepts=Accepts((Format.PEM,), _SOURCE, keys=ANY_KEY, root=Root.OUT),
            render=_client,
            trust_checks=(strict_authorities,),
        ),
        Use(
            name="server",
            title="a server in Python asks for certificates",
            accepts=Accepts((Format.PEM,), _SOURCE, purpose=Purpose.SERVER, keys=ANY_KEY, root=Root.OUT),
            render=_server,
            trust_checks=(*TRUST_CHECKS, strict_authorities),
        ),
    ),
    failures=(
        Failure(
            "TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "the server asked for a certificate and got none",
            "give the library the context: verify=context() of httpx2, ssl_context= of requests' adapter",
        ),
        Failure(
            "TLSV1_ALERT_UNKNOWN_CA",
            "the server does not trust the certificate's issuer, or was not sent an intermediate",
            "have it trust send/client-ca.pem, and give load_cert_chain the whole chain, leaf first",
        ),
        Failure(
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "a server of Java or Go got no certificate, or one that it refuses",
            "look at the server's log",
        ),
        Failure(
            "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
            "the certificate is not for clients",
            "have it issued with clientAuth",
        ),
        Failure("SSLV3_ALERT_CERTIFICATE_EXPIRED", "your own certificate has ended", "renew it"),
        Failure(
            "unable to get local issuer certificate",
            "the server's root is not trusted, or the server sends its leaf alone",
            "give its root with --trust; have the server send its intermediates",
        ),
        Failure(
            "Hostname mismatch",
            "the server's certificate is not for the host that was called",
            "have it issued with that host as subjectAltName",
        ),
        Failure(
            "CA cert does not include key usage extension",
            "Python 3.13 and later want it of a CA, and openssl req -x509 does not write it",
            "have the CA's certificate made anew",
        ),
        Failure(
            "[X509: KEY_VALUES_MISMATCH]",
            "key and certificate do not belong together, or the file begins with a CA",
            "twoway check client.pem client.key",
        ),
        Failure(
            "[SSL] PEM lib",
            "KEY_PASSWORD is not the key's password, or a file is not PEM, or two were mixed up",
            "set it to the one that twoway kit showed; twoway inspect client.pem client.key",
        ),
        Failure(
            "UnicodeDecodeError",
            "requests was given a .p12 as cert",
            "give it PEM files, as this kit has them",
        ),
    ),
)
