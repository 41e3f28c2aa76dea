"""HAProxy: a frontend that asks its clients for certificates, and a backend that shows a certificate to a partner.

Source: the HAProxy configuration manual (2.6), and experiments with Debian's 2.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from string import Template

from twoway.findings import Finding, Severity
from twoway.platforms.order import Order
from twoway.platforms.parts import (
    address,
    clear_key,
    client_duties,
    client_handover,
    directory_setting,
    installing,
    listen_setting,
    pem_accepts,
    sent_chain,
    server_handover,
    trust_client,
    trust_file,
    upstream_setting,
)
from twoway.platforms.platform import Failure, File, Platform, Proven, Rendered, Use
from twoway.platforms.presented import Presented
from twoway.platforms.verification import (
    TRUST_CHECKS,
    authorities,
    crl_missing,
    leaf_first,
    renewal,
    server_notes,
)
from twoway.x509.certificates import pem_bundle
from twoway.x509.purposes import Purpose

_SOURCE = (
    "HAProxy configuration manual 2.6: crt, ca-file, verify; and experiments with Debian's haproxy 2.6.12"
)

# What the application gets to know of the client, by header.
HEADERS = {
    "X-SSL-Client-Verify": "%[ssl_c_verify]",
    "X-SSL-Client-DN": "%{+Q}[ssl_c_s_dn(,0,rfc2253)]",
    "X-SSL-Client-Issuer": "%{+Q}[ssl_c_i_dn(,0,rfc2253)]",
    "X-SSL-Client-Serial": "%[ssl_c_serial,hex]",
    "X-SSL-Client-Cert": "%[ssl_c_der,base64]",
}

_SERVER_CONF = Template("""\
# Made by twoway: $host asks every client for a certificate, and hands on to $upstream what is let in.
frontend twoway-server
    mode http
    timeout client 30s
    # server.pem: leaf, intermediates and key in one file. client-ca.pem: whose clients are let in, up to the root;
    # browsers offer certificates of these CAs alone. A session that is resumed would not be verified again.
    bind :$port ssl crt $directory/server.pem ca-file $directory/client-ca.pem verify required$crl \
ssl-min-ver TLSv1.2 no-tls-tickets alpn h2,http/1.1
    # What a caller sends under these names is taken away first, with underscores too: PHP and WSGI read dashes.
    http-request del-header ^x[-_]ssl[-_]client[-_] -m reg
$headers
    http-request set-header X-Forwarded-Proto https
    # Of these CAs' clients, only some:
    # http-request deny unless { ssl_c_s_dn(CN) -m str globex initech }
    default_backend twoway-application

backend twoway-application
    mode http
    timeout connect 5s
    timeout server 60s
    server application $application
""")

_SERVER_STEPS = Template("""
## What you do

On Debian and Ubuntu; elsewhere the folders have other names.

1. Put the files where the configuration looks for them, `server.pem` for root alone. It holds the key in clear, as
   HAProxy wants certificate and key in one file and starts without anybody there. HAProxy reads it as root before it
   gives up its rights.

$installing

2. Have HAProxy read the configuration beside its own: `EXTRAOPTS="-f $directory/server.cfg"` in `/etc/default/haproxy`.
3. Try it before it counts: `sudo haproxy -c -f /etc/haproxy/haproxy.cfg -f $directory/server.cfg` says
   `Configuration file is valid`.
4. `sudo systemctl restart haproxy`.

The application at $upstream must be reachable through HAProxy alone: who else reaches it can write the headers
`X-SSL-Client-*` as he likes.
$renew
## What the other side does

$duties

## See that it works

1. `curl --cacert send/server-ca.pem --cert client.pem --key client.key $url/` has the application's answer.
2. Without `--cert` and `--key` the same ends with `alert certificate required`.
""")

_CLIENT_CONF = Template("""\
# Made by twoway: plain HTTP at $listen becomes mutual TLS to $peer.
frontend twoway-client
    mode http
    timeout client 30s
    bind $listen
    default_backend twoway-partner

backend twoway-partner
    mode http
    timeout connect 5s
    timeout server 60s
    http-request set-header Host $authority
    # client.pem: leaf, intermediates and key in one file, shown to any server that asks, whatever CAs it names.
    server partner $address ssl crt $directory/client.pem ca-file $trusted verify required$names ssl-min-ver TLSv1.2
""")

_CLIENT_STEPS = Template("""
## What you do

On Debian and Ubuntu; elsewhere the folders have other names.

1. Put the files where the configuration looks for them, `client.pem` for root alone: it holds the key in clear.

$installing

2. Have HAProxy read the configuration beside its own: `EXTRAOPTS="-f $directory/client.cfg"` in `/etc/default/haproxy`.
3. `sudo haproxy -c -f /etc/haproxy/haproxy.cfg -f $directory/client.cfg` says `Configuration file is valid`; then
   `sudo systemctl restart haproxy`.
4. Your application calls `http://$listen/` where it would call `$peer/`. Whoever reaches $listen calls in your name.

## What the other side does

$trust

## See that it works

`curl -i http://$listen/` has the partner's answer. `503 Service Unavailable` means that there was no connection: the
reason is in HAProxy's log.
""")


def key_in_the_file(file: Presented) -> Iterator[Finding]:
    """HAProxy reads the certificate and its key from one file."""
    if file.keystore.trusted and not file.keystore.identities:
        yield Finding(
            "haproxy-key-apart",
            Severity.ERROR,
            f"{file.name} holds certificates and no private key",
            "HAProxy reads leaf, intermediates and key from the one file that crt names (or the key from FILE.key"
            " beside it), and does not start without",
            f"put them together: cat {file.name} KEY.pem > server.pem",
            facts={"file": file.name},
        )


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://localhost")
    directory, upstream = order.settings["directory"], order.settings["upstream"]
    words = {
        "host": here.shown,
        "port": str(here.port),
        "upstream": upstream,
        "directory": directory,
        "crl": f" crl-file {directory}/client-ca.crl" if order.crls else "",
        "headers": "\n".join(
            f"    http-request set-header {name} {value}" for name, value in HEADERS.items()
        ),
        "application": _application(upstream),
    }
    keep = (
        File(
            "server.cfg",
            _SERVER_CONF.substitute(words).encode(),
            "frontend and backend, to be read beside yours",
        ),
        _bundle(order, "server.pem"),
        *authorities(order),
    )
    return Rendered(
        keep=keep,
        send=server_handover(order),
        steps=_SERVER_STEPS.substitute(
            words,
            installing=installing(directory, keep),
            renew=renewal(order, "reload HAProxy"),
            duties=client_duties(order),
            url=f"https://{here.authority}",
        ),
        notes=(*server_notes(order, here if order.peer else None), *crl_missing(order)),
    )


def _application(upstream: str) -> str:
    """Return the server's address and how it is spoken to."""
    there = address(upstream, upstream)
    secure = (
        " ssl verify required ca-file /etc/ssl/certs/ca-certificates.crt"
        if upstream.startswith("https:")
        else ""
    )
    return f"{there.authority}{secure}"


def _bundle(order: Order, name: str) -> File:
    content = pem_bundle(sent_chain(order)) + clear_key(order)
    return File(name, content, "certificate, intermediates and key in clear: mode 0600", secret=True)


def _client(order: Order) -> Rendered:
    there = address(order.peer, "https://YOUR-PARTNER.example")
    directory = order.settings["directory"]
    about = "what the partner's server is verified with"
    trust = (trust_file(order, "server-ca.pem", about),) if order.trusted else ()
    sni = "" if there.is_ip else f" sni str({there.host})"
    words = {
        "listen": order.settings["listen"],
        "authority": there.authority if there.port != 443 else there.shown,
        "address": there.authority,
        "peer": f"https://{there.authority}",
        "directory": directory,
        "trusted": f"{directory}/server-ca.pem" if trust else "/etc/ssl/certs/ca-certificates.crt",
        "names": f" verifyhost {there.host}{sni}",
    }
    keep = (
        File(
            "client.cfg",
            _CLIENT_CONF.substitute(words).encode(),
            "frontend and backend, to be read beside yours",
        ),
        _bundle(order, "client.pem"),
        *trust,
    )
    return Rendered(
        keep=keep,
        send=client_handover(order),
        steps=_CLIENT_STEPS.substitute(
            words, installing=installing(directory, keep), trust=trust_client(order)
        ),
    )


PLATFORM = Platform(
    name="haproxy",
    title="HAProxy",
    versions="2.4 and later",
    proof=Proven("Debian's haproxy in tests/interop/platforms/test_haproxy.py"),
    uses=(
        Use(
            name="server",
            title="HAProxy asks for client certificates, in front of an application",
            accepts=pem_accepts(_SOURCE, Purpose.SERVER),
            render=_server,
            settings=(directory_setting("/etc/haproxy/twoway"), upstream_setting(path=False)),
            checks=(leaf_first, key_in_the_file),
            trust_checks=TRUST_CHECKS,
        ),
        Use(
            name="client",
            title="HAProxy calls a partner's API, and shows a certificate",
            accepts=pem_accepts(_SOURCE, Purpose.CLIENT),
            render=_client,
            settings=(directory_setting("/etc/haproxy/twoway"), listen_setting("127.0.0.1:9100")),
            checks=(leaf_first, key_in_the_file),
            trust_checks=TRUST_CHECKS[:1],
        ),
    ),
    failures=(
        Failure(
            "No Private Key found in",
            "certificate and key are not in one file",
            "put them together: cat certificate.pem chain.pem key.pem > server.pem",
        ),
        Failure(
            "verify is enabled but no CA file specified",
            "the line bind has verify required, and no ca-file",
            "give a CA with --trust, and make the kit anew",
        ),
        Failure(
            "SSL client CA chain cannot be verified",
            "a CA of the client's chain is not trusted, or client-ca.pem has an intermediate without its root",
            "add the root; the client sees alert unknown_ca",
        ),
        Failure(
            "SSL client certificate not trusted",
            "the client's own certificate was refused: another CA, expired, revoked, another purpose",
            'the number is in: error-log-format "%ci %[ssl_fc_err_str] cerr=%[ssl_c_err] caerr=%[ssl_c_ca_err]"',
        ),
        Failure(
            "SSL handshake failure",
            "with nothing more: mostly no certificate was sent",
            "give the client its certificate; compare its issuer with client-ca.pem",
        ),
        Failure(
            "503 Service Unavailable",
            "towards a partner: its certificate is not trusted or for another host, or it refused ours",
            "compare server-ca.pem and verifyhost with the server's certificate",
        ),
    ),
)
