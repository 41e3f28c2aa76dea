"""Apache Kafka: clients and brokers with JKS or PEM. By document.

Source: kafka.apache.org, Security, "Encryption and Authentication using SSL" and the configuration reference;
github.com/apache/kafka, DefaultSslEngineFactory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from string import Template

from twoway import keystores
from twoway.findings import Finding
from twoway.keystores.model import Format, Keystore
from twoway.platforms.order import Order
from twoway.platforms.parts import (
    address,
    clear_key,
    client_handover,
    directory_setting,
    sent_chain,
    server_handover,
    trust_client,
    trust_file,
)
from twoway.platforms.platform import (
    Accepts,
    ByDocument,
    Failure,
    File,
    Platform,
    Rendered,
    Root,
    Setting,
    Use,
)
from twoway.platforms.verification import server_notes
from twoway.x509.certificates import pem_bundle
from twoway.x509.purposes import Purpose

_SOURCE = "kafka.apache.org: Encryption and Authentication using SSL"
_READ = date(2026, 11, 22)
# Of PEM keys it reads these alone. Source: DefaultSslEngineFactory
_KEYS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ec-p521")
_FORMATS = (Format.JKS, Format.PKCS12, Format.PEM)

_SETTINGS = (
    Setting("stores", "kind of files: jks or pem", "jks", re.compile("jks|pem")),
    directory_setting("/etc/kafka/twoway"),
)

_JKS = Template("""\
# The password comes from the environment (Kafka 3.5 and later).
config.providers=env
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
ssl.keystore.type=JKS
ssl.keystore.location=$directory/keystore.jks
ssl.keystore.password=$${env:KEY_PASSWORD}
ssl.key.password=$${env:KEY_PASSWORD}
$truststore""")
_JKS_TRUST = Template("""\
ssl.truststore.type=JKS
ssl.truststore.location=$directory/truststore.jks
ssl.truststore.password=$${env:KEY_PASSWORD}
""")
_PEM = Template("""\
# No password stands beside PEM: Kafka refuses to start with one.
ssl.keystore.type=PEM
ssl.keystore.location=$directory/keystore.pem
$truststore""")
_PEM_TRUST = Template("""\
ssl.truststore.type=PEM
ssl.truststore.location=$directory/truststore.pem
""")

_CLIENT_STEPS = Template("""
## What you do

1. Put the files of `keep/` into `$directory`, readable for the client alone.
2. $password
3. Give the client `client.properties`, or its lines among your own.

## What the other side does

1. $trusting
2. Its brokers have `ssl.client.auth=required`, spelled so: any other word means none, with a warning in the log.

## See that it works

1. `kafka-topics.sh --bootstrap-server $server --command-config $directory/client.properties --list` lists topics.
2. Without the lines of `ssl.keystore` the same fails with `SSL handshake failed`.
""")

_BROKER_STEPS = Template("""
## What you do

1. Put the files of `keep/` into `$directory` of each broker, readable for it alone.
2. $password
3. Add the lines of `broker.properties` to `server.properties`, and restart one broker after the other.
4. The name of a client is the subject of its certificate: write ACLs for `User:CN=...`.

## What the other side does

1. It trusts `send/server-ca.pem`.
2. It shows a certificate with the purpose clientAuth, with its intermediates, of one of these: $names.

## See that it works

1. `openssl s_client -connect $server` names the CAs under **Acceptable client certificate CA names**.
2. A client without a certificate fails with `SSL handshake failed`.
""")

_FROM_ENVIRONMENT = "Set the kit's password in its environment: `KEY_PASSWORD`."
_IN_CLEAR = "`keystore.pem` holds the key in clear (mode 0600): the kit's password is for nothing here."


def _stores(order: Order) -> tuple[tuple[File, ...], str]:
    """Return the files, and the lines that name them."""
    directory = order.settings["directory"]
    if order.settings["stores"] == "pem":
        content = pem_bundle(sent_chain(order)) + clear_key(order)
        own = File("keystore.pem", content, "certificate, intermediates and the key in clear", secret=True)
        trust = (trust_file(order, "truststore.pem", "whom to trust"),) if order.trusted else ()
        named = _PEM_TRUST.substitute(directory=directory) if trust else ""
        return (own, *trust), _PEM.substitute(directory=directory, truststore=named)
    store = keystores.dump(Keystore((order.identity,), Format.JKS), Format.JKS, order.password)
    own = File("keystore.jks", store, "the key with its chain", secret=True)
    trust = (_truststore(order),) if order.trusted else ()
    named = _JKS_TRUST.substitute(directory=directory) if trust else ""
    return (own, *trust), _JKS.substitute(directory=directory, truststore=named)


def _truststore(order: Order) -> File:
    content = keystores.dump(Keystore(order.trusted, Format.JKS), Format.JKS, order.password)
    return File("truststore.jks", content, "whom to trust", trust=True)


def _password(order: Order) -> str:
    return _IN_CLEAR if order.settings["stores"] == "pem" else _FROM_ENVIRONMENT


def _client(order: Order) -> Rendered:
    there = address(order.peer, "https://YOUR-BROKER.example:9093")
    files, lines = _stores(order)
    text = f"# Made by twoway.\nsecurity.protocol=SSL\nbootstrap.servers={there.authority}\n{lines}"
    return Rendered(
        keep=(*files, File("client.properties", text.encode(), "the client's configuration")),
        send=client_handover(order),
        steps=_CLIENT_STEPS.substitute(
            directory=order.settings["directory"],
            password=_password(order),
            trusting=trust_client(order),
            server=there.authority,
        ),
    )


def _broker(order: Order) -> Rendered:
    here = address(order.peer, "https://YOUR-BROKER.example:9093")
    files, lines = _stores(order)
    text = (
        f"# Made by twoway.\nlisteners=SSL://:{here.port}\nadvertised.listeners=SSL://{here.authority}\n"
        f"security.inter.broker.protocol=SSL\nssl.client.auth=required\n{lines}"
    )
    return Rendered(
        keep=(*files, File("broker.properties", text.encode(), "lines for server.properties")),
        send=server_handover(order),
        steps=_BROKER_STEPS.substitute(
            directory=order.settings["directory"],
            password=_password(order),
            server=here.authority,
            names=", ".join(f"`{entry.certificate.subject}`" for entry in order.trusted) or "none",
        ),
        notes=(*server_notes(order, here if order.peer else None), *_brokers_are_clients(order)),
    )


def _brokers_are_clients(order: Order) -> Iterator[Finding]:
    """Brokers call each other with the same certificate."""
    from twoway.findings import Severity
    from twoway.x509.purposes import extended_usage_permits

    if not extended_usage_permits(order.leaf, Purpose.CLIENT):
        yield Finding(
            "broker-cannot-be-client",
            Severity.WARNING,
            f"{order.leaf.subject} is for servers only, and brokers call each other with it",
            "with security.inter.broker.protocol=SSL a broker shows its own certificate to the others",
            "have it issued with serverAuth and clientAuth, or give the brokers a listener of their own",
            facts={"subject": order.leaf.subject},
        )


PLATFORM = Platform(
    name="kafka",
    title="Apache Kafka",
    versions="2.7 and later; passwords from the environment from 3.5 on",
    proof=ByDocument(_SOURCE, _READ),
    uses=(
        Use(
            name="client",
            title="a producer or consumer shows a certificate",
            accepts=Accepts(_FORMATS, _SOURCE, keys=_KEYS, root=Root.EITHER, profiles=("modern", "compat")),
            render=_client,
            settings=_SETTINGS,
        ),
        Use(
            name="broker",
            title="a broker asks for certificates",
            accepts=Accepts(
                _FORMATS, _SOURCE, purpose=Purpose.SERVER, keys=_KEYS, profiles=("modern", "compat")
            ),
            render=_broker,
            settings=_SETTINGS,
        ),
    ),
    failures=(
        Failure(
            "SSL key store password cannot be specified with PEM format",
            "PEM stores have no password there",
            "take ssl.keystore.password and ssl.truststore.password out",
        ),
        Failure(
            "SSL private key can be specified only for PEM, but key store type is JKS",
            "ssl.keystore.key was given beside a JKS",
            "set ssl.keystore.type=PEM, or take it out",
        ),
        Failure(
            "Invalid PEM keystore configs",
            "the key is no PKCS#8, or is encrypted in a way that Java does not read",
            "take keystore.pem of this kit",
        ),
        Failure(
            "SSL handshake failed",
            "a side refused the other's certificate, or got none",
            "start it with -Djavax.net.debug=ssl:handshake and look for the last alert",
        ),
    ),
)
