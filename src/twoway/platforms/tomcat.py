"""Apache Tomcat: a connector that asks for certificates, with PKCS#12 stores.

Source: Debian's tomcat10 (10.1, JSSE) by experiment; tomcat.apache.org, "The HTTP Connector", SSLHostConfig.
"""

from __future__ import annotations

import re
from string import Template

from twoway.platforms import java_stores, parts, verification
from twoway.platforms.java_stores import attribute
from twoway.platforms.order import Order
from twoway.platforms.platform import Accepts, Failure, File, Platform, Proven, Rendered, Setting, Use
from twoway.x509.purposes import Purpose

_SOURCE = "Tomcat 10.1 by experiment; tomcat.apache.org: The HTTP Connector, SSLHostConfig"

# A truststore in PEM, and caCertificateFile, are refused or not looked at by Tomcat's JSSE.
_SERVER = Accepts(
    formats=java_stores.FORMATS,
    source=_SOURCE,
    purpose=Purpose.SERVER,
    profiles=java_stores.READ_BY_JAVA,
    alias=java_stores.ALIAS,
)

PASSWORD_PROPERTY = "mutualtls.store.password"  # noqa: S105  the property's name

_TRUST = """
            truststoreFile="conf/truststore.p12"
            truststoreType="PKCS12"
            truststorePassword="$${$property}\""""

_CONNECTOR = Template("""\
<Connector port="$port" protocol="org.apache.coyote.http11.Http11NioProtocol"
           SSLEnabled="true" scheme="https" secure="true"
           sslImplementationName="org.apache.tomcat.util.net.jsse.JSSEImplementation">
    <SSLHostConfig
            certificateVerification="$verification"
            protocols="TLSv1.2+TLSv1.3"$trust$revocation>
        <Certificate
                certificateKeystoreFile="conf/server.p12"
                certificateKeystoreType="PKCS12"
                certificateKeystorePassword="$${$property}"
                certificateKeyAlias=$alias/>
    </SSLHostConfig>
</Connector>
""")

_STEPS = Template("""
## What you do

1. Copy $files from `keep/` into Tomcat's `conf` folder (`$$CATALINA_BASE/conf`), readable for Tomcat's user alone.
2. Give Tomcat the password: add the line `$property=PASSWORD` to `conf/catalina.properties`, with the kit's password,
   and keep that file readable for Tomcat's user alone. `server.xml` refers to it.
3. Paste `keep/connector.xml` into `conf/server.xml`, inside `<Service name="Catalina">`.
4. Restart Tomcat. `logs/catalina.out` says `Starting ProtocolHandler ["https-jsse-nio-$port"]`.

An application reads the certificate from the request's attribute `jakarta.servlet.request.X509Certificate`
(`javax.servlet.request.X509Certificate` in Tomcat 9).

## What the other side does

1. Each client trusts `send/server-ca.pem`.
2. Each client shows a certificate that `keep/truststore.p12` leads to, and sends its intermediates along.

## See that it works

1. `curl --cacert send/server-ca.pem --cert CLIENT.pem --key CLIENT.key $server` is answered.
2. $refused
""")

_REFUSED = {
    "required": "Without `--cert` and `--key` the same is refused, with the alert `bad certificate`.",
    "optional": "Without `--cert` and `--key` it is answered too, and the application has to look: with"
    " `optional` nobody is refused who shows no certificate.",
}


def _server(order: Order) -> Rendered:
    here = parts.address(order.peer, "https://localhost:8443")
    trust = java_stores.truststore(order, "truststore.p12")
    crls = (parts.crl_file(order, "clients.crl"),) if order.crls else ()
    connector = _CONNECTOR.substitute(
        port=here.port,
        verification=order.settings["verification"],
        property=PASSWORD_PROPERTY,
        # A server that is to ask and has no truststore must not start, rather than trust every public CA.
        trust=Template(_TRUST).substitute(property=PASSWORD_PROPERTY),
        revocation='\n            certificateRevocationListFile="conf/clients.crl"' if crls else "",
        alias=attribute(order.alias, "the alias"),
    )
    stores = (java_stores.keystore(order, "server.p12"), *trust, *crls)
    return Rendered(
        keep=(*stores, File("connector.xml", connector.encode(), "the connector, to paste into server.xml")),
        send=parts.server_handover(order),
        steps=_STEPS.substitute(
            files=", ".join(f"`{file.name}`" for file in stores),
            property=PASSWORD_PROPERTY,
            port=here.port,
            server=f"https://{here.authority}/",
            refused=_REFUSED[order.settings["verification"]],
        ),
        notes=verification.server_notes(order, here if order.peer else None),
    )


PLATFORM = Platform(
    name="tomcat",
    title="Apache Tomcat",
    versions="9, 10 and 11",
    proof=Proven("Debian's tomcat10 in tests/interop/platforms/test_tomcat.py"),
    uses=(
        Use(
            name="server",
            title="Tomcat asks its clients for certificates",
            accepts=_SERVER,
            render=_server,
            settings=(
                Setting(
                    "verification",
                    "required, or optional (the application looks)",
                    "required",
                    re.compile("required|optional"),
                ),
                java_stores.JAVA,
            ),
            checks=java_stores.IDENTITY_CHECKS,
            trust_checks=(*java_stores.TRUST_CHECKS, verification.public_anchors),
        ),
    ),
    failures=(
        Failure(
            "Alias name [null] does not identify a key entry",
            "the keystore holds trusted certificates alone: the truststore was put in its place",
            "certificateKeystoreFile is conf/server.p12, truststoreFile is conf/truststore.p12",
        ),
        Failure(
            "does not identify a key entry",
            "certificateKeyAlias names another entry than the keystore has",
            "use the alias of the kit's connector.xml",
        ),
        Failure(
            "Failed to load keystore type [PEM]",
            "Tomcat's JSSE takes no truststore in PEM",
            "use truststore.p12 with truststoreType PKCS12",
        ),
        Failure(
            "Empty client certificate chain",
            "the client sent no certificate: it has none, or none of the CAs that are trusted here",
            "look at the client's configuration; twoway listen shows what it sends",
        ),
        Failure(
            "Keystore was tampered with, or password was incorrect",
            "the property with the password is not set, or has another value",
            f"set {PASSWORD_PROPERTY} in conf/catalina.properties",
        ),
        *java_stores.FAILURES,
    ),
)
