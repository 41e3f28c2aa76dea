"""Apache httpd: a reverse proxy that asks its clients for certificates, and one that shows a certificate to a partner.

Source: httpd.apache.org, mod_ssl, mod_proxy and mod_headers of 2.4, and experiments with Debian's 2.4.
"""

from __future__ import annotations

import itertools
from string import Template

from twoway.findings import Finding, Severity
from twoway.platforms.order import Order
from twoway.platforms.parts import (
    address,
    chain_file,
    clear_key,
    client_duties,
    client_handover,
    directory_setting,
    installing,
    key_file,
    listen_setting,
    pem_accepts,
    server_handover,
    trust_client,
    trust_file,
    upstream_setting,
)
from twoway.platforms.platform import Failure, File, Platform, Proven, Rendered, Use
from twoway.platforms.verification import (
    TRUST_CHECKS,
    authorities,
    authorities_deep,
    leaf_first,
    renewal,
    server_notes,
    unlisted,
)
from twoway.x509.certificates import pem_bundle
from twoway.x509.purposes import Purpose

_SOURCE = "httpd.apache.org: mod_ssl (2.4), and experiments with Debian's apache2 2.4.71"

# What the application gets to know of the client, by header.
HEADERS = {
    "X-SSL-Client-Verify": "%{SSL_CLIENT_VERIFY}s",
    "X-SSL-Client-DN": "%{SSL_CLIENT_S_DN}s",
    "X-SSL-Client-Issuer": "%{SSL_CLIENT_I_DN}s",
    "X-SSL-Client-Serial": "%{SSL_CLIENT_M_SERIAL}s",
    "X-SSL-Client-Cert": "expr=%{escape:%{SSL_CLIENT_CERT}}",
}

_SERVER_CONF = Template("""\
# Made by twoway: $host asks every client for a certificate, and hands on to $upstream what is let in.
# Modules: ssl, headers, proxy, proxy_http.
<VirtualHost *:$port>
    ServerName $shown

    SSLEngine on
    SSLProtocol -all +TLSv1.2 +TLSv1.3
    # Leaf first, then its intermediates; the root stays out.
    SSLCertificateFile "$directory/server.pem"
    SSLCertificateKeyFile "$directory/server.key"

    # Whoever proves a key that one of these CAs certified is let in, and browsers offer certificates of these alone.
    # For the whole host: for one path alone, TLS 1.3 needs post-handshake authentication, which hardly any client has.
    SSLCACertificateFile "$directory/client-ca.pem"
    SSLVerifyClient require
    # The CAs of the longest chain; httpd's own default is 1, which refuses every chain with an intermediate.
    SSLVerifyDepth $depth
$revocation
    # What a caller sends under these names is taken away first, however it writes them.
    Include "$directory/unset-headers.conf"
$headers

    # Of these CAs' clients, only some:
    # <Location "/">
    #     Require expr "%{SSL_CLIENT_S_DN_CN} in { 'globex', 'initech' }"
    # </Location>

    ProxyRequests Off
    ProxyPreserveHost On
    RequestHeader set X-Forwarded-Proto "https"
    ProxyPass "/" "$upstream/"
    ProxyPassReverse "/" "$upstream/"
</VirtualHost>
""")

_REVOCATION = Template("""\
    # Read when httpd starts or reloads: fetch the lists anew before they end.
    SSLCARevocationFile "$directory/client-ca.crl"
    SSLCARevocationCheck $check
""")

_SERVER_STEPS = Template("""
## What you do

On Debian and Ubuntu; elsewhere the folders have other names.

1. Put the files where the configuration looks for them, the key for root alone. httpd reads it as root before it gives
   up its rights. The key is in clear: one with a password would have httpd ask for it at every start.

$installing

2. Switch the modules on: `sudo a2enmod ssl headers proxy proxy_http`.
3. Include the configuration: `sudo ln -s $directory/server.conf /etc/apache2/sites-enabled/$site.conf`.$listen
4. Try it before it counts: `sudo apachectl configtest` says `Syntax OK`.
5. `sudo systemctl reload apache2`.

The application at $upstream must be reachable through httpd alone: who else reaches it can write the headers
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
# Modules: ssl, proxy, proxy_http.
Listen $listen
<VirtualHost $listen>
    ServerName $shown

    SSLProxyEngine on
    SSLProxyProtocol -all +TLSv1.2 +TLSv1.3
    # Certificate and key in one file. httpd shows it to a server that asks for one of its CAs, or names none.
    SSLProxyMachineCertificateFile "$directory/client.pem"
$chain
    # Whom to trust, and that it is who was called.
    SSLProxyCACertificateFile "$trusted"
    SSLProxyVerify require
    SSLProxyVerifyDepth $depth
    SSLProxyCheckPeerName on
    SSLProxyCheckPeerExpire on

    ProxyRequests Off
    ProxyPass "/" "$peer/"
    ProxyPassReverse "/" "$peer/"
</VirtualHost>
""")

_CLIENT_STEPS = Template("""
## What you do

On Debian and Ubuntu; elsewhere the folders have other names.

1. Put the files where the configuration looks for them; `client.pem` holds the key in clear, as httpd takes no other.

$installing

2. Switch the modules on: `sudo a2enmod ssl proxy proxy_http`.
3. Include the configuration: `sudo ln -s $directory/client.conf /etc/apache2/sites-enabled/$site.conf`.
4. `sudo apachectl configtest` says `Syntax OK`; then `sudo systemctl reload apache2`.
5. Your application calls `http://$listen/` where it would call `$peer/`. Whoever reaches $listen calls in your name.

## What the other side does

1. $trust
2. Where its server names CAs in the certificate request, it has to name one that this chain leads to: to others
   httpd sends nothing.

## See that it works

`curl -i http://$listen/` has the partner's answer. A `500` or `502 Proxy Error` has its reason in
`/var/log/apache2/error.log`, with `LogLevel ssl:info`. Where the partner answers that no certificate was
sent, its server names other CAs: httpd says nothing of that.
""")


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://localhost")
    directory, upstream = order.settings["directory"], order.settings["upstream"].rstrip("/")
    words = {
        "host": here.host,
        "shown": here.shown,
        "port": str(here.port),
        "upstream": upstream,
        "directory": directory,
        "depth": str(authorities_deep(order)),
        "revocation": _revocation(order, directory),
        "headers": "\n".join(f'    RequestHeader set {name} "{value}"' for name, value in HEADERS.items()),
    }
    keep = (
        File("server.conf", _SERVER_CONF.substitute(words).encode(), "the virtual host, to include"),
        File("unset-headers.conf", _unset().encode(), "takes away what callers claim to be"),
        chain_file(order, "server.pem"),
        key_file(order, "server.key"),
        *authorities(order),
    )
    return Rendered(
        keep=keep,
        send=server_handover(order),
        steps=_SERVER_STEPS.substitute(
            words,
            installing=installing(directory, keep),
            site=here.host.replace(":", "-"),
            listen=""
            if here.port == 443
            else f"\n   It must listen there: `Listen {here.port}` in `ports.conf`.",
            renew=renewal(order, "reload httpd"),
            duties=client_duties(order),
            url=f"https://{here.authority}",
        ),
        notes=(*server_notes(order, here if order.peer else None), *_unchecked(order)),
    )


def _revocation(order: Order, directory: str) -> str:
    if not order.crls:
        return ""
    check = "chain no_crl_for_cert_ok" if unlisted(order) else "chain"
    return _REVOCATION.substitute(directory=directory, check=check)


def _unset() -> str:
    """Return the directives that take identity headers away, with underscores too: PHP and WSGI read them as dashes."""
    lines = [
        f"RequestHeader unset {words[0]}" + "".join(map("".join, zip(marks, words[1:], strict=True)))
        for words in (name.split("-") for name in HEADERS)
        for marks in itertools.product("-_", repeat=len(words) - 1)
    ]
    return "\n".join(
        ("# Made by twoway: headers that only httpd itself may set, in every spelling.", *lines, "")
    )


def _unchecked(order: Order) -> tuple[Finding, ...]:
    """Say of whom nobody looks who is revoked, where it is looked for others."""
    return tuple(
        Finding(
            "revocation-unchecked",
            Severity.WARNING,
            f"no revocation list of {certificate.subject} was given: of its certificates none counts as revoked",
            "lists were given of other CAs alone, and httpd lets those without one pass (no_crl_for_cert_ok)",
            "give its list too, with --crl",
            facts={"certificate": certificate.subject, "sha256": certificate.sha256},
        )
        for certificate in (unlisted(order) if order.crls else ())
    )


def _client(order: Order) -> Rendered:
    there = address(order.peer, "https://YOUR-PARTNER.example")
    directory, listen = order.settings["directory"], order.settings["listen"]
    chain = (
        (File("client-chain.pem", pem_bundle(order.issuers), "the CAs above it"),) if order.issuers else ()
    )
    trust = (
        (trust_file(order, "server-ca.pem", "what the partner's server is verified with"),)
        if order.trusted
        else ()
    )
    words = {
        "listen": listen,
        "shown": there.shown,
        "peer": f"https://{there.authority}{there.path}",
        "directory": directory,
        "chain": _machine_chain(directory) if chain else "",
        "trusted": f"{directory}/server-ca.pem" if trust else "/etc/ssl/certs/ca-certificates.crt",
        "depth": str(max(authorities_deep(order), 3)),
    }
    keep = (
        File("client.conf", _CLIENT_CONF.substitute(words).encode(), "the virtual host, to include"),
        File("client.pem", order.leaf.pem + clear_key(order), "certificate and key, in clear", secret=True),
        *chain,
        *trust,
    )
    return Rendered(
        keep=keep,
        send=client_handover(order),
        steps=_CLIENT_STEPS.substitute(
            words,
            installing=installing(directory, keep),
            site=there.host.replace(":", "-"),
            trust=trust_client(order),
        ),
    )


def _machine_chain(directory: str) -> str:
    return f'    SSLProxyMachineCertificateChainFile "{directory}/client-chain.pem"\n'


PLATFORM = Platform(
    name="apache",
    title="Apache httpd",
    versions="2.4.59 and later",
    proof=Proven("Debian's apache2 in tests/interop/platforms/test_apache.py"),
    uses=(
        Use(
            name="server",
            title="httpd asks for client certificates, in front of an application",
            accepts=pem_accepts(_SOURCE, Purpose.SERVER),
            render=_server,
            settings=(directory_setting("/etc/apache2/twoway"), upstream_setting()),
            checks=(leaf_first,),
            trust_checks=TRUST_CHECKS,
        ),
        Use(
            name="client",
            title="httpd calls a partner's API, and shows a certificate",
            accepts=pem_accepts(_SOURCE, Purpose.CLIENT),
            render=_client,
            settings=(directory_setting("/etc/apache2/twoway"), listen_setting("127.0.0.1:9100")),
            trust_checks=TRUST_CHECKS[:1],
        ),
    ),
    failures=(
        Failure(
            "AH02276: Certificate Verification: Error (20): unable to get local issuer certificate",
            "the client's CA is not in client-ca.pem, or the client sent its leaf without the intermediate",
            "add the CA, or have the client send its chain",
        ),
        Failure(
            "AH02040: Certificate Verification: Certificate Chain too long",
            "the chain has more CAs than SSLVerifyDepth allows; the client sees alert internal_error",
            "raise SSLVerifyDepth",
        ),
        Failure(
            "AH02276: Certificate Verification: Error (3): unable to get certificate CRL",
            "a CA of the chain has no revocation list in client-ca.crl; the client sees alert unknown_ca",
            "add the list of every CA of the chain",
        ),
        Failure(
            "AH02276: Certificate Verification: Error (12): CRL has expired",
            "the revocation list is older than its CA promised",
            "fetch today's and reload",
        ),
        Failure(
            "AH02565: Certificate and private key",
            "server.key is another certificate's",
            "make the kit anew with the key of this certificate",
        ),
        Failure(
            "AH01897: Init: Oops, you want to request client authentication, but no CAs are known for verification!?",
            "client-ca.pem is not named: httpd starts, and lets nobody in",
            "give a CA with --trust, and make the kit anew",
        ),
        Failure(
            "Reason: Cannot perform Post-Handshake Authentication.",
            "SSLVerifyClient stands in a Location or Directory, which TLS 1.3 clients hardly ever support",
            "ask for certificates in the virtual host, as server.conf does",
        ),
        Failure(
            "Error during SSL Handshake with remote server",
            "httpd does not trust the partner's server, or that server refused the certificate: the log has AH02276 or"
            " the alert above it",
            "compare server-ca.pem with the server's issuer, and what was sent with what the partner trusts",
        ),
    ),
)
