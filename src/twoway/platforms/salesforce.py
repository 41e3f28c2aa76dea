"""Salesforce: keystores for its callouts, the certificate of an external client app, and calls into it.

Source of what it accepts: help.salesforce.com, "Import a Certificate from a Keystore"
(security_keys_export_import_certs_with_a_keystore), and knowledge articles 000387714, 000386138 and 000383872.
"""

from __future__ import annotations

import re
from datetime import date
from string import Template
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from twoway import keystores
from twoway.keystores.model import Format, Keystore
from twoway.platforms import salesforce_app, salesforce_inbound
from twoway.platforms.order import Order
from twoway.platforms.platform import (
    RSA,
    Accepts,
    AliasRule,
    ByDocument,
    Failure,
    File,
    PasswordRule,
    Platform,
    Rendered,
    Root,
    Setting,
    Use,
)
from twoway.x509.certificates import pem_bundle

_SOURCE = "help.salesforce.com: Import a Certificate from a Keystore"

# The alias becomes the certificate's unique name there, and Java writes it in lower case.
ALIAS = AliasRule(
    re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*"),
    "lower-case letters and digits, beginning with a letter, with single underscores between",
    longest=40,
    lower=True,
)

_KEYSTORE = Accepts(
    formats=(Format.JKS,),
    source=_SOURCE,
    keys=RSA,
    root=Root.IN,
    alias=ALIAS,
    password=PasswordRule(least=6, same_for_key=True),
    trust_apart=False,
)

_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")


_TRUST_ISSUERS = "Trust the CA that issued the certificate: `send/issuers.pem`."
_TRUST_LEAF = "Trust this very certificate, `send/client-certificate.pem`: it is self-signed."

_CALLOUT_STEPS = Template("""
## What you do

1. In **Setup**, open **Security > Certificate and Key Management** and press **Import from Keystore**.
2. Choose `keep/$alias.jks`, enter the kit's password, and press **Save**. The certificate appears as `$alias`.
3. Open **Security > Named Credentials**, press **New Legacy**, and fill in:

   | field | value |
   | --- | --- |
   | Label | $label |
   | Name | `$name` |
   | URL | `$url` |
   | Certificate | `$alias` |
   | Identity Type | Named Principal |
   | Authentication Protocol | as the partner wants it: Password Authentication, or No Authentication |
   | Generate Authorization Header | on with Password Authentication, else off |
   | Allow Merge Fields in HTTP Header, in HTTP Body | off |

   Or deploy `keep/$name.namedCredential-meta.xml` once the certificate is there: the same, without authentication.
4. Open the **Developer Console**, **Debug > Open Execute Anonymous Window**, and run `keep/$name.apex`.

## What the other side does

1. $trust
2. Where its server names CAs in the certificate request, it has to name one that this chain leads to: to a server
   that names only others Salesforce sends nothing.
3. It sends its own chain with every intermediate, in order: Salesforce refuses a server that sends its leaf alone.

## See that it works

1. The debug log has the partner's answer. Without the certificate in the named credential the same call fails.
2. `openssl s_client -connect $server` shows which CA names the server asks for: none, or one of this chain.
""")


def _callout(order: Order) -> Rendered:
    name = order.settings["named-credential"]
    url = order.peer or "https://YOUR-PARTNER.example"
    file = f"{order.alias}.jks"
    store = keystores.dump(Keystore((order.identity, *order.trusted), Format.JKS), Format.JKS, order.password)
    return Rendered(
        keep=(
            File(file, store, "the keystore to import", secret=True),
            File(
                f"{name}.namedCredential-meta.xml",
                _metadata(order, name, url),
                "the named credential, to deploy",
            ),
            File(f"{name}.apex", _apex(name), "a call to try, for Execute Anonymous"),
        ),
        send=(
            File("client-certificate.pem", order.leaf.pem, "the certificate that Salesforce will show"),
            *_issuers(order),
        ),
        steps=_CALLOUT_STEPS.substitute(
            alias=order.alias,
            name=name,
            label=name.replace("_", " "),
            url=url,
            server=_authority(url),
            trust=_TRUST_ISSUERS if order.issuers else _TRUST_LEAF,
        ),
    )


def _issuers(order: Order) -> tuple[File, ...]:
    if not order.issuers:
        return ()
    return (
        File("issuers.pem", pem_bundle(order.issuers), "the CAs that issued it, for the other side to trust"),
    )


def _metadata(order: Order, name: str, url: str) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<NamedCredential xmlns="http://soap.sforce.com/2006/04/metadata">
    <allowMergeFieldsInBody>false</allowMergeFieldsInBody>
    <allowMergeFieldsInHeader>false</allowMergeFieldsInHeader>
    <certificate>{order.alias}</certificate>
    <endpoint>{escape(url)}</endpoint>
    <generateAuthorizationHeader>false</generateAuthorizationHeader>
    <label>{escape(name.replace("_", " "))}</label>
    <principalType>Anonymous</principalType>
    <protocol>NoAuthentication</protocol>
</NamedCredential>
""".encode()


def _apex(name: str) -> bytes:
    return f"""HttpRequest request = new HttpRequest();
request.setEndpoint('callout:{name}/');
request.setMethod('GET');
HttpResponse response = new Http().send(request);
System.debug(response.getStatusCode() + ' ' + response.getBody());
""".encode()


def _authority(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or 'HOST'}:{parts.port or 443}"


PLATFORM = Platform(
    name="salesforce",
    title="Salesforce",
    versions="as of Spring '26",
    proof=ByDocument(_SOURCE, date(2026, 11, 21)),
    uses=(
        Use(
            name="callout",
            title="Salesforce calls a partner's API",
            accepts=_KEYSTORE,
            render=_callout,
            settings=(Setting("named-credential", "the named credential's name", "External_System", _NAME),),
        ),
        salesforce_app.USE,
        salesforce_inbound.USE,
    ),
    failures=(
        Failure(
            "the keystore file doesn't contain a PrivateKey entry",
            "the file holds certificates alone, or is no JKS",
            "twoway inspect the file: it must be a JKS with one identity",
        ),
        Failure(
            "The key is not an RSA key.",
            "only RSA is taken",
            "make a key with twoway key new --algorithm rsa-2048 and have a certificate issued for it",
        ),
        Failure(
            "Imported keys must have a bit size of 2048, 3072, or 4096.",
            "the key has another size",
            "make one of 2048 bits",
        ),
        Failure(
            "The private key does not match the certificate chain in the keystore.",
            "the first certificate of the chain is another key's",
            "twoway check FILE --for salesforce names it",
        ),
        Failure(
            "whose per key password is not the same as the keystore password",
            "the key was given a password of its own",
            "make the file anew with twoway, which gives both the same",
        ),
        Failure(
            "PKIX path building failed",
            "Salesforce does not trust the partner's server, or that server sends its leaf alone",
            "have the partner send its intermediates; a private CA's certificate cannot be trusted there",
        ),
        Failure(
            "certificate_required",
            "no certificate was sent: the named credential has none, or the server names other CAs than this chain's",
            "put the certificate into the named credential; compare the names that the server asks for",
        ),
        Failure(
            "audience is invalid",
            "aud of the token is no login host: it is the org's own URL, or login and test were mixed up",
            "set audience to https://login.salesforce.com, or https://test.salesforce.com for a sandbox",
        ),
        Failure(
            "invalid assertion",
            "the token was signed with another key than the app's certificate has, or is malformed",
            "upload the certificate of this key; compare both with twoway inspect",
        ),
        Failure(
            "expired authorization code",
            "exp of the token is past: in milliseconds, in local time, or the clock is wrong",
            "exp is seconds since 1970 in UTC, some three minutes ahead",
        ),
        Failure(
            "user hasn't approved this consumer",
            "the user is not pre-authorised, or the scope refresh_token is missing",
            "Policies: Admin approved users are pre-authorized, with a profile or permission set of the user",
        ),
        Failure(
            "MUTUAL_AUTHENTICATION_FAILED",
            "the user must show a certificate, and none or another one came, or port 443 was called",
            "call port 8443 of the My Domain host with the uploaded certificate and its issuers",
        ),
    ),
)
