"""Eclipse Jetty: a connector that asks for certificates, with PKCS#12 stores.

Source: Debian's libjetty9-java (9.4) by experiment; jetty.org, Operations Guide, "KeyStores and TrustStores".
"""

from __future__ import annotations

import re
from string import Template

from twoway.platforms import java_stores, parts, verification
from twoway.platforms.java_stores import element_text
from twoway.platforms.order import Order
from twoway.platforms.platform import Accepts, Failure, File, Platform, Proven, Rendered, Setting, Use
from twoway.x509.purposes import Purpose

_SOURCE = "Jetty 9.4 by experiment; jetty.org: Operations Guide, KeyStores and TrustStores"

_SERVER = Accepts(
    formats=java_stores.FORMATS,
    source=_SOURCE,
    purpose=Purpose.SERVER,
    profiles=java_stores.READ_BY_JAVA,
    alias=java_stores.ALIAS,
)

_CONNECTOR = Template("""\
<?xml version="1.0"?>
<!DOCTYPE Configure PUBLIC "-//Jetty//Configure//EN" "http://www.eclipse.org/jetty/configure_9_3.dtd">
<Configure id="Server" class="org.eclipse.jetty.server.Server">
  <Call name="addConnector">
    <Arg>
      <New class="org.eclipse.jetty.server.ServerConnector">
        <Arg><Ref refid="Server"/></Arg>
        <Arg>
          <New class="org.eclipse.jetty.util.ssl.SslContextFactory$$Server">
            <Set name="KeyStorePath"><Property name="jetty.base" default="."/>/etc/server.p12</Set>
            <Set name="KeyStoreType">PKCS12</Set>
            <Set name="KeyStorePassword"><Env name="JETTY_STORE_PASSWORD"/></Set>
            <Set name="CertAlias">$alias</Set>
            <Set name="TrustStorePath"><Property name="jetty.base" default="."/>/etc/truststore.p12</Set>
            <Set name="TrustStoreType">PKCS12</Set>
            <Set name="TrustStorePassword"><Env name="JETTY_STORE_PASSWORD"/></Set>
            <Set name="$verification">true</Set>
          </New>
        </Arg>
        <Arg>
          <Array type="org.eclipse.jetty.server.ConnectionFactory">
            <Item>
              <New class="org.eclipse.jetty.server.HttpConnectionFactory">
                <Arg>
                  <New class="org.eclipse.jetty.server.HttpConfiguration">
                    <Call name="addCustomizer">
                      <Arg><New class="org.eclipse.jetty.server.SecureRequestCustomizer"/></Arg>
                    </Call>
                  </New>
                </Arg>
              </New>
            </Item>
          </Array>
        </Arg>
        <Set name="port">$port</Set>
      </New>
    </Arg>
  </Call>
</Configure>
""")

_STEPS = Template("""
## What you do

1. Copy $files from `keep/` into `etc` of your Jetty base, readable for Jetty's user alone.
2. Put the kit's password into the environment of Jetty, as `JETTY_STORE_PASSWORD`:
   `read -rs JETTY_STORE_PASSWORD; export JETTY_STORE_PASSWORD` for a try by hand, `EnvironmentFile=` in a unit of
   systemd.
3. Copy `keep/mutual-tls.xml` into `etc` too, and start Jetty with it:
   `java -jar $$JETTY_HOME/start.jar --module=server etc/mutual-tls.xml`, or the line `etc/mutual-tls.xml` in
   `start.d/mutual-tls.ini`. It adds one connector, on port $port; leave the modules `ssl` and `https` out, which would
   add theirs.
4. An embedded server applies the same file:
   `new XmlConfiguration(Resource.newResource(Paths.get("etc/mutual-tls.xml"))).configure(server)`.

An application reads the certificate from the request's attribute `javax.servlet.request.X509Certificate`
(`jakarta.servlet.request.X509Certificate` from Jetty 11 on).

## What the other side does

1. Each client trusts `send/server-ca.pem`.
2. Each client shows a certificate that `keep/truststore.p12` leads to, and sends its intermediates along.

## See that it works

1. `curl --cacert send/server-ca.pem --cert CLIENT.pem --key CLIENT.key $server` is answered.
2. $refused
""")

_VERIFICATION = {"required": "NeedClientAuth", "optional": "WantClientAuth"}
_REFUSED = {
    "required": "Without `--cert` and `--key` the same is refused, with the alert `bad certificate`.",
    "optional": "Without `--cert` and `--key` it is answered too, and the application has to look: with"
    " `WantClientAuth` nobody is refused who shows no certificate.",
}


def _server(order: Order) -> Rendered:
    here = parts.address(order.peer, "https://localhost:8443")
    wanted = order.settings["verification"]
    # A server that is to ask and has no truststore must not start: Jetty would take its keystore for one.
    connector = _CONNECTOR.substitute(
        alias=element_text(order.alias, "the alias"), verification=_VERIFICATION[wanted], port=here.port
    )
    stores = (
        java_stores.keystore(order, "server.p12"),
        *java_stores.truststore(order, "truststore.p12"),
    )
    return Rendered(
        keep=(*stores, File("mutual-tls.xml", connector.encode(), "the connector")),
        send=parts.server_handover(order),
        steps=_STEPS.substitute(
            files=", ".join(f"`{file.name}`" for file in stores),
            port=here.port,
            server=f"https://{here.authority}/",
            refused=_REFUSED[wanted],
        ),
        notes=verification.server_notes(order, here if order.peer else None),
    )


PLATFORM = Platform(
    name="jetty",
    title="Eclipse Jetty",
    versions="9.4; 10 to 12 by document",
    proof=Proven("Debian's libjetty9-java, embedded, in tests/interop/platforms/test_jetty.py"),
    uses=(
        Use(
            name="server",
            title="Jetty asks its clients for certificates",
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
            "is not a valid keystore",
            "a file is not in etc of the Jetty base, or its password is not in JETTY_STORE_PASSWORD",
            "copy both stores there, and set the variable",
        ),
        Failure(
            "Empty client certificate chain",
            "the client sent no certificate: it has none, or none of the CAs that are trusted here",
            "look at the client's configuration; twoway listen shows what it sends",
        ),
        *java_stores.FAILURES,
    ),
)
