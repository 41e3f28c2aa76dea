"""nginx: a reverse proxy that asks its clients for certificates, and one that shows a certificate to a partner.

Source: nginx.org, ngx_http_ssl_module and ngx_http_proxy_module, and experiments with Debian's 1.22.
"""

from __future__ import annotations

from string import Template

from twoway.platforms.order import Order
from twoway.platforms.parts import (
    address,
    chain_file,
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
    crl_missing,
    leaf_first,
    renewal,
    server_notes,
)
from twoway.x509.purposes import Purpose

_SOURCE = "nginx.org: ngx_http_ssl_module and ngx_http_proxy_module, and experiments with Debian's nginx 1.22"

# What the application gets to know of the client, by header; nginx replaces what the caller wrote there.
HEADERS = {
    "X-SSL-Client-Verify": "$ssl_client_verify",
    "X-SSL-Client-DN": "$ssl_client_s_dn",
    "X-SSL-Client-Issuer": "$ssl_client_i_dn",
    "X-SSL-Client-Serial": "$ssl_client_serial",
    "X-SSL-Client-Cert": "$ssl_client_escaped_cert",
}

_SERVER_CONF = Template("""\
# Made by twoway: $host asks every client for a certificate, and hands on to $upstream what is let in.
server {
    listen $port ssl;
    server_name $host;

    ssl_protocols TLSv1.2 TLSv1.3;
    # Leaf first, then its intermediates; the root stays out.
    ssl_certificate $directory/server.pem;
    ssl_certificate_key $directory/server.key;

    # Whoever proves a key that one of these CAs certified is let in, and browsers offer certificates of these alone.
    # Up to the root: nginx does not stop at an intermediate.
    ssl_client_certificate $directory/client-ca.pem;
    ssl_verify_client on;
    # The CAs between a client and its root.
    ssl_verify_depth $depth;
$revocation    # A session that is resumed is not verified again.
    ssl_session_tickets off;
    # A name with an underscore would be read as one with a dash by PHP and WSGI.
    underscores_in_headers off;

    location / {
        # Of these CAs' clients, only some: map $$ssl_client_s_dn in the http block, and return 403 here.
$headers
        proxy_set_header Host $$host;
        proxy_set_header X-Forwarded-Proto https;
        proxy_pass $upstream;
    }
}
""")

_SERVER_STEPS = Template("""
## What you do

On Debian and Ubuntu; elsewhere the folders have other names.

1. Put the files where the configuration looks for them, the key for root alone. nginx reads it as root before it gives
   up its rights. The key is in clear: one with a password would want its password in a file beside it.

$installing

2. Include the configuration: `sudo ln -s $directory/server.conf /etc/nginx/sites-enabled/$site`.
3. Try it before it counts: `sudo nginx -t` says that the test is successful.
4. `sudo systemctl reload nginx`.

The application at $upstream must be reachable through nginx alone: who else reaches it can write the headers
`X-SSL-Client-*` as he likes.
$renew
## What the other side does

$duties

## See that it works

1. `curl --cacert send/server-ca.pem --cert client.pem --key client.key $url/` has the application's answer.
2. Without `--cert` and `--key` the same has `400 No required SSL certificate was sent`.
3. With a certificate of another CA it has `400 The SSL certificate error`; the reason is in the error log at the level
   `info`: `error_log /var/log/nginx/error.log info;`.
""")

_CLIENT_CONF = Template("""\
# Made by twoway: plain HTTP at $listen becomes mutual TLS to $peer.
server {
    listen $listen;

    location / {
        # Shown to any server that asks, whatever CAs it names.
        proxy_ssl_certificate $directory/client.pem;
        proxy_ssl_certificate_key $directory/client.key;
        # Whom to trust, and that it is who was called: nginx asks neither by itself.
        proxy_ssl_trusted_certificate $trusted;
        proxy_ssl_verify on;
        proxy_ssl_verify_depth $depth;
        proxy_ssl_name $host;
        proxy_ssl_server_name on;
        proxy_ssl_protocols TLSv1.2 TLSv1.3;
        proxy_set_header Host $authority;
        proxy_http_version 1.1;
        proxy_pass $peer/;
    }
}
""")

_CLIENT_STEPS = Template("""
## What you do

On Debian and Ubuntu; elsewhere the folders have other names.

1. Put the files where the configuration looks for them, the key for root alone; it is in clear, so that nginx starts
   without anybody there.

$installing

2. Include the configuration: `sudo ln -s $directory/client.conf /etc/nginx/sites-enabled/$site`.
3. `sudo nginx -t` says that the test is successful; then `sudo systemctl reload nginx`.
4. Your application calls `http://$listen/` where it would call `$peer/`. Whoever reaches $listen calls in your name.

## What the other side does

$trust

## See that it works

`curl -i http://$listen/` has the partner's answer. A `502 Bad Gateway` has its reason in `/var/log/nginx/error.log`.
""")


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://localhost")
    directory = order.settings["directory"]
    width = max(len(name) for name in HEADERS)
    words = {
        "host": here.shown,
        "port": str(here.port),
        "upstream": order.settings["upstream"],
        "directory": directory,
        "depth": str(authorities_deep(order) - 1),
        "revocation": _revocation(order, directory),
        "headers": "\n".join(
            f"        proxy_set_header {name:{width}} {value};" for name, value in HEADERS.items()
        ),
    }
    keep = (
        File("server.conf", _SERVER_CONF.substitute(words).encode(), "the server block, to include"),
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
            renew=renewal(order, "reload nginx"),
            duties=client_duties(order),
            url=f"https://{here.authority}",
        ),
        notes=(*server_notes(order, here if order.peer else None), *crl_missing(order)),
    )


def _revocation(order: Order, directory: str) -> str:
    if not order.crls:
        return ""
    return f"""\
    # Read when nginx starts or reloads: of every CA, root and intermediates, fetched anew before it ends.
    ssl_crl {directory}/client-ca.crl;
"""


def _client(order: Order) -> Rendered:
    there = address(order.peer, "https://YOUR-PARTNER.example")
    directory = order.settings["directory"]
    about = "what the partner's server is verified with"
    trust = (trust_file(order, "server-ca.pem", about),) if order.trusted else ()
    words = {
        "listen": order.settings["listen"],
        "host": there.host,
        "authority": there.authority if there.port != 443 else there.shown,
        "peer": f"https://{there.authority}{there.path}",
        "directory": directory,
        "trusted": f"{directory}/server-ca.pem" if trust else "/etc/ssl/certs/ca-certificates.crt",
        "depth": str(max(authorities_deep(order), 3)),
    }
    keep = (
        File("client.conf", _CLIENT_CONF.substitute(words).encode(), "the server block, to include"),
        chain_file(order, "client.pem"),
        key_file(order, "client.key"),
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


PLATFORM = Platform(
    name="nginx",
    title="nginx",
    versions="1.19 and later",
    proof=Proven("Debian's nginx in tests/interop/platforms/test_nginx.py"),
    uses=(
        Use(
            name="server",
            title="nginx asks for client certificates, in front of an application",
            accepts=pem_accepts(_SOURCE, Purpose.SERVER),
            render=_server,
            settings=(directory_setting("/etc/nginx/twoway"), upstream_setting()),
            checks=(leaf_first,),
            trust_checks=TRUST_CHECKS,
        ),
        Use(
            name="client",
            title="nginx calls a partner's API, and shows a certificate",
            accepts=pem_accepts(_SOURCE, Purpose.CLIENT),
            render=_client,
            settings=(directory_setting("/etc/nginx/twoway"), listen_setting("127.0.0.1:9100")),
            checks=(leaf_first,),
            trust_checks=TRUST_CHECKS[:1],
        ),
    ),
    failures=(
        Failure(
            "400 No required SSL certificate was sent",
            "the client sent none: it has none, or none of the CAs that nginx names",
            "give the client its certificate; compare its issuer with client-ca.pem",
        ),
        Failure(
            "400 The SSL certificate error",
            "the client's certificate was not verified; the error log at the level info has the number and the reason",
            "see the lines below",
        ),
        Failure(
            "client SSL certificate verify error: (2:unable to get issuer certificate)",
            "client-ca.pem has an intermediate without its root",
            "add the root",
        ),
        Failure(
            "client SSL certificate verify error: (20:unable to get local issuer certificate)",
            "the client's CA is not in client-ca.pem, or the client sent its leaf without the intermediate",
            "add the CA, or have the client send its chain",
        ),
        Failure(
            "client SSL certificate verify error: (3:unable to get certificate CRL)",
            "a CA of the chain has no revocation list in client-ca.crl",
            "add the list of every CA, the root's too",
        ),
        Failure(
            "client SSL certificate verify error: (22:certificate chain too long)",
            "there are more CAs between client and root than ssl_verify_depth allows",
            "raise ssl_verify_depth",
        ),
        Failure(
            "key values mismatch",
            "server.key is not the key of the first certificate in server.pem",
            "twoway convert server.pem --to pem puts the leaf first; or it is another certificate's key",
        ),
        Failure(
            "no ssl_client_certificate for ssl_verify_client",
            "no CA of clients is named",
            "give one with --trust, and make the kit anew",
        ),
        Failure(
            "upstream SSL certificate verify error",
            "the partner's server has a certificate of a CA that is not trusted",
            "give its root with --trust, and make the kit anew",
        ),
    ),
)
