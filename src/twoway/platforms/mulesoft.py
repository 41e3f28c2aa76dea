"""MuleSoft: the four stores of a link, and the TLS contexts of a listener and a requester.

Source: docs.mulesoft.com, "Configure TLS with Keystores and Truststores" (tls-configuration.adoc at f58dc0b3) and
"Secure Configuration Properties"; mulesoft/mule at 8d1af8a8: TlsConfiguration.java and mule-tls.xsd.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from string import Template

from twoway.findings import Finding, Severity
from twoway.keystores.model import Format
from twoway.platforms import java_stores, parts, verification
from twoway.platforms.java_stores import attribute
from twoway.platforms.order import Order
from twoway.platforms.platform import (
    Accepts,
    AliasRule,
    ByDocument,
    Failure,
    File,
    Platform,
    Rendered,
    Setting,
    Use,
)
from twoway.platforms.presented import Presented
from twoway.x509.purposes import Purpose

_SOURCE = (
    "docs.mulesoft.com: Configure TLS with Keystores and Truststores; mulesoft/mule TlsConfiguration.java"
)

# Mule compares the alias of the XML, case and all, with what Java says, which is in lower case.
ALIAS = AliasRule(
    re.compile(r"[^\x00-\x1f\x7fA-Z]+"),
    "lower case, printable characters",
    lower=True,
    why="Java's keystores know aliases in lower case, and Mule compares the one in its XML case and all",
)

_FORMATS = (Format.PKCS12, Format.JKS, Format.JCEKS)
_REQUESTER = Accepts(
    formats=_FORMATS,
    source=_SOURCE,
    profiles=java_stores.READ_BY_JAVA,
    alias=ALIAS,
)
_LISTENER = Accepts(
    formats=_FORMATS,
    source=_SOURCE,
    purpose=Purpose.SERVER,
    profiles=java_stores.READ_BY_JAVA,
    alias=ALIAS,
)

# ``type`` is always there: without it Mule takes the default of its Java, JKS in one and PKCS12 in the next.
_TRUST = Template("""
        <tls:trust-store path="$truststore" password="$${secure::tls.truststore.password}" type="pkcs12"/>""")

_CONFIG = Template("""\
<?xml version="1.0" encoding="UTF-8"?>
<mule xmlns="http://www.mulesoft.org/schema/mule/core"
      xmlns:http="http://www.mulesoft.org/schema/mule/http"
      xmlns:tls="http://www.mulesoft.org/schema/mule/tls"
      xmlns:secure-properties="http://www.mulesoft.org/schema/mule/secure-properties"
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
      xsi:schemaLocation="
        http://www.mulesoft.org/schema/mule/core http://www.mulesoft.org/schema/mule/core/current/mule.xsd
        http://www.mulesoft.org/schema/mule/http http://www.mulesoft.org/schema/mule/http/current/mule-http.xsd
        http://www.mulesoft.org/schema/mule/tls http://www.mulesoft.org/schema/mule/tls/current/mule-tls.xsd
        http://www.mulesoft.org/schema/mule/secure-properties
            http://www.mulesoft.org/schema/mule/secure-properties/current/mule-secure-properties.xsd">

    <secure-properties:config name="Secure_Properties" file="tls-secure.yaml" key="$${secure.key}">
        <secure-properties:encrypt algorithm="AES"/>
    </secure-properties:config>

    <tls:context name="$context">$trust
        <tls:key-store path="$keystore" type="pkcs12" alias=$alias keyPassword="$${secure::tls.keystore.password}" \
password="$${secure::tls.keystore.password}"/>
    </tls:context>

$link
</mule>
""")

_LISTENER_LINK = Template("""\
    <http:listener-config name="Mutual_TLS_Listener">
        <http:listener-connection protocol="HTTPS" host="0.0.0.0" port="$port" tlsContext="$context"/>
    </http:listener-config>""")

_REQUESTER_LINK = Template("""\
    <http:request-config name="Mutual_TLS_Requester">
        <http:request-connection protocol="HTTPS" host=$host port="$port" tlsContext="$context"/>
    </http:request-config>""")

_SECURE = """\
# Each value is what the Secure Properties Tool makes of the kit's password: see STEPS.md.
tls:
  keystore:
    password: "![ENCRYPTED]"
"""
_SECURE_TRUST = """\
  truststore:
    password: "![ENCRYPTED]"
"""

_INSTALL = Template("""\
1. Copy $stores and `keep/tls-secure.yaml` into the project's `src/main/resources`.
2. Encrypt the kit's password with MuleSoft's Secure Properties Tool (`secure-properties-tool.jar`), with a key of your
   own:
   `java -cp secure-properties-tool.jar com.mulesoft.tools.SecurePropertiesTool string encrypt AES CBC KEY PASSWORD`
   and write what it prints into `tls-secure.yaml`, in place of each `ENCRYPTED`, between `![` and `]`.
3. In Anypoint Studio, **Search in Exchange** for **Mule Secure Configuration Properties Extension** and add it to the
   project.
4. Copy `keep/mutual-tls.xml` into `src/main/mule`. In Studio it shows as a global element **TLS Context** with its
   Trust Store and Key Store filled in, and as the $element configuration that uses it.
5. Start the application with the key: `-M-Dsecure.key=KEY` on a Mule server, **Properties** of the deployment in
   Runtime Manager (add `secure.key` to `secureProperties` of `mule-artifact.json`, which hides it there).""")

_REQUESTER_STEPS = Template("""
## What you do

$install
6. In your flow, choose `Mutual_TLS_Requester` as the **Connector configuration** of the **Request** operation.

## What the other side does

1. $trust
2. Where its server names CAs in the certificate request, it has to name one that this chain leads to: to a server
   that names only others Mule, as all of Java, sends nothing.
3. A Dedicated Load Balancer of CloudHub takes the client's CA with all CAs above it, in one PEM file, and answers 400
   to a certificate without clientAuth.

## See that it works

1. The flow's request is answered. Without the key store in the TLS context it fails.
2. In Postman: **Settings > Certificates > Add Certificate**, with **Host** and **Port** of `$server`,
   `keep/client.pfx` as **PFX file**, and the kit's password as **Passphrase**$postman. Send a GET: it is answered.
3. Delete that certificate in Postman and send again: the listener refuses you.
""")

_LISTENER_STEPS = Template("""
## What you do

$install
6. In your flow, choose `Mutual_TLS_Listener` as the **Connector configuration** of the **HTTP Listener**.

It is the trust store that makes the listener ask for certificates: without one it either asks nobody, or takes those
of every public CA.

## What the other side does

1. Each client trusts `send/server-ca.pem`.
2. Each client shows a certificate that `keep/server-truststore.p12` leads to, and sends its intermediates along.

## See that it works

1. `curl --cacert send/server-ca.pem --cert CLIENT.pem --key CLIENT.key $server` is answered.
2. Without `--cert` and `--key` it is refused.
""")


def _requester(order: Order) -> Rendered:
    there = parts.address(order.peer, "https://YOUR-PARTNER.example")
    link = _REQUESTER_LINK.substitute(
        host=attribute(there.host, "the host"), port=there.port, context=order.settings["context"]
    )
    stores = _stores(order, "client")
    ca = " (and turn on **CA Certificates** with the CA of that server, where it is not a public one)"
    return Rendered(
        keep=(
            *stores,
            *_configuration(order, "client", link),
            File("client.pfx", stores[0].content, "the key with its chain again, for Postman", secret=True),
        ),
        send=parts.client_handover(order),
        steps=_REQUESTER_STEPS.substitute(
            install=_installed(stores, "HTTP Request"),
            trust=parts.trust_client(order),
            server=there.authority,
            postman=ca if order.trusted else "",
        ),
    )


def _listener(order: Order) -> Rendered:
    here = parts.address(order.peer, "https://localhost:8443")
    link = _LISTENER_LINK.substitute(port=here.port, context=order.settings["context"])
    stores = _stores(order, "server")
    return Rendered(
        keep=(*stores, *_configuration(order, "server", link)),
        send=parts.server_handover(order),
        steps=_LISTENER_STEPS.substitute(
            install=_installed(stores, "HTTP Listener"), server=f"https://{here.authority}/"
        ),
        notes=verification.server_notes(order, here if order.peer else None),
    )


def _stores(order: Order, side: str) -> tuple[File, ...]:
    return (
        java_stores.keystore(order, f"{side}-keystore.p12"),
        *java_stores.truststore(order, f"{side}-truststore.p12"),
    )


def _configuration(order: Order, side: str, link: str) -> tuple[File, ...]:
    # A listener's trust store stands there in any case: without its file the application does not start.
    trust = bool(order.trusted) or side == "server"
    config = _CONFIG.substitute(
        context=order.settings["context"],
        trust=_TRUST.substitute(truststore=f"{side}-truststore.p12") if trust else "",
        keystore=f"{side}-keystore.p12",
        alias=attribute(order.alias, "the alias"),
        link=link,
    )
    secure = _SECURE + (_SECURE_TRUST if trust else "")
    return (
        File("mutual-tls.xml", config.encode(), "the TLS context and what uses it, for src/main/mule"),
        File("tls-secure.yaml", secure.encode(), "where the encrypted password goes"),
    )


def _installed(stores: tuple[File, ...], element: str) -> str:
    return _INSTALL.substitute(stores=", ".join(f"`keep/{file.name}`" for file in stores), element=element)


def other_entries(file: Presented) -> Iterator[Finding]:
    """The keystore holds the identity alone: Mule drops every other entry when it loads one."""
    if file.identities and file.keystore.trusted:
        yield Finding(
            "keystore-entries-dropped",
            Severity.WARNING,
            f"Mule drops the trusted certificates in {file.name}: it keeps the entry of the alias alone",
            "a key store of Mule is for the identity; whom to trust is the trust store's",
            "put them into the trust store of the TLS context",
            facts={"file": file.name, "trusted": len(file.keystore.trusted)},
        )


_CONTEXT = Setting(
    "context", "the TLS context's name", "Mutual_TLS", re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,60}")
)

PLATFORM = Platform(
    name="mulesoft",
    title="MuleSoft",
    versions="Mule 4",
    proof=ByDocument(_SOURCE, date(2026, 11, 21)),
    uses=(
        Use(
            name="requester",
            title="an HTTP requester calls an API",
            accepts=_REQUESTER,
            render=_requester,
            settings=(_CONTEXT, java_stores.JAVA),
            checks=(*java_stores.IDENTITY_CHECKS, other_entries),
            trust_checks=java_stores.TRUST_CHECKS,
        ),
        Use(
            name="listener",
            title="an HTTP listener asks its clients for certificates",
            accepts=_LISTENER,
            render=_listener,
            settings=(_CONTEXT, java_stores.JAVA),
            checks=(*java_stores.IDENTITY_CHECKS, other_entries),
            trust_checks=(*java_stores.TRUST_CHECKS, verification.public_anchors),
        ),
    ),
    failures=(
        Failure(
            'Key with alias "x" was not found',
            "the alias in the XML is not the keystore's, letter for letter: Java has them in lower case",
            "write it as the kit's mutual-tls.xml has it",
        ),
        Failure(
            "No key entries found.",
            "the key store holds trusted certificates alone, or the truststore was put in its place",
            "path of tls:key-store is the file with the key: client-keystore.p12 or server-keystore.p12",
        ),
        Failure(
            "Keystore entry for alias 'x' is not a key.",
            "the alias is that of a trusted certificate",
            "use the alias of the identity: twoway inspect shows both",
        ),
        Failure(
            "The Key password cannot be null",
            "keyPassword is missing beside password",
            "write both: in a PKCS#12 they are the same",
        ),
        Failure(
            "Failed to load truststore from classpath or local file",
            "the file is not in src/main/resources, or its type is not the one in the XML",
            "copy it there; type is pkcs12",
        ),
        Failure(
            "certificate revocation checking is only available for algorithm PKIX",
            "tls:revocation-check stands beside a trust store of another algorithm",
            'add algorithm="PKIX" to tls:trust-store',
        ),
        Failure(
            "400 of a Dedicated Load Balancer, and nothing in the application's log",
            "the client's certificate lacks clientAuth",
            "have it issued with extended key usage clientAuth",
        ),
        *java_stores.FAILURES,
    ),
)
