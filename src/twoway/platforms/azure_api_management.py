"""Azure API Management: certificates of its clients, and its own towards a backend. By document.

Source: learn.microsoft.com, api-management-howto-mutual-certificates and -mutual-certificates-for-clients, and the
reference of the policies authentication-certificate and validate-client-certificate.
"""

from __future__ import annotations

from datetime import date
from string import Template
from xml.sax.saxutils import quoteattr

from cryptography.hazmat.primitives import hashes

from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import address, client_handover, pkcs12_file, server_handover, trust_client
from twoway.platforms.platform import Accepts, ByDocument, Failure, File, Platform, Rendered, Use
from twoway.platforms.verification import server_notes
from twoway.x509.certificates import Certificate
from twoway.x509.purposes import Purpose

_SOURCE = "learn.microsoft.com: Secure backend services, and APIs, using client certificate authentication"
_KEYS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384")

_CLIENT_STEPS = Template("""
## What you do

1. In the portal, open your instance, **Security > Certificates > Certificates > + Add**: choose **Custom**,
   `keep/client.pfx`, and enter the kit's password. Better: keep it in Key Vault and choose **Key vault**.
2. Put `keep/policy.xml` into the policy of the API, within `<inbound>`.
$authority
## What the other side does

1. $trusting

## See that it works

1. **Test** of an operation has the backend's answer from $url.
2. With the policy taken out the same is refused.
""")

_AUTHORITY = Template("""\
3. Under **Certificates > CA certificates > + Add**, add $files to the store **Root**, as the
   backend's CA is private. A self-hosted gateway does not read these.
""")

_SERVER_STEPS = Template("""
## What you do

1. In the portal, open **Custom domains > $host** (add it with `keep/server.pfx` if need be) and switch **Negotiate
   client certificate** on; it is off by default. In the Consumption tier it is **Request client certificate**.
   Without it `context.Request.Certificate` is null, and larger requests hang.
2. Under **Certificates > CA certificates > + Add**, add $files to the store **Root**.
3. Put `keep/policy.xml` into the policy of the API, within `<inbound>`. It names the CAs that issue the clients'
   certificates directly: public CAs are trusted there too, so that without this list everybody's would do.

## What the other side does

1. It trusts `send/server-ca.pem` for $host, unless the certificate is a public one.
2. It shows a certificate with the purpose clientAuth, of one of these: $names.

## See that it works

1. `curl --cert client.pem --key client.key https://$host/` has the API's answer.
2. Without `--cert` and `--key` the answer is 401 or 403.
""")

_VALIDATE = Template("""\
<!-- Made by twoway. validate-revocation needs the CAs' lists to be reachable from there: switch it on if they are. -->
<validate-client-certificate validate-revocation="false" validate-trust="true" validate-not-before="true"
                             validate-not-after="true" ignore-error="false">
    <identities>
$identities    </identities>
</validate-client-certificate>
""")


def _client(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-BACKEND.example"
    address(url, url)
    policy = (
        f'<!-- Made by twoway. -->\n<authentication-certificate thumbprint="{_thumbprint(order.leaf)}" />\n'
    )
    trust = _authorities(order, "server-ca")
    return Rendered(
        keep=(
            pkcs12_file(order, "client.pfx", "compat"),
            *trust,
            File("policy.xml", policy.encode(), "the policy that shows the certificate"),
        ),
        send=client_handover(order),
        steps=_CLIENT_STEPS.substitute(
            url=url,
            trusting=trust_client(order),
            authority=_AUTHORITY.substitute(files=_named(trust)) if trust else "",
        ),
    )


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://YOUR-API.example")
    identities = "".join(
        f"        <identity issuer-thumbprint={quoteattr(_thumbprint(entry.certificate))} />\n"
        for entry in order.trusted
    )
    policy = _VALIDATE.substitute(identities=identities)
    trust = _authorities(order, "client-ca")
    return Rendered(
        keep=(
            pkcs12_file(order, "server.pfx", "compat"),
            *trust,
            File("policy.xml", policy.encode(), "the policy that looks at certificates"),
        ),
        send=server_handover(order),
        steps=_SERVER_STEPS.substitute(
            host=here.host,
            files=_named(trust) or "the CAs of the clients",
            names=", ".join(f"`{entry.certificate.subject}`" for entry in order.trusted) or "none",
        ),
        notes=server_notes(order, here if order.peer else None),
    )


def _authorities(order: Order, stem: str) -> tuple[File, ...]:
    """Return each trusted certificate as a file of its own: the portal takes one an upload."""
    return tuple(
        File(f"{stem}-{number}.cer", entry.certificate.der, entry.certificate.subject, trust=True)
        for number, entry in enumerate(order.trusted, 1)
    )


def _named(files: tuple[File, ...]) -> str:
    return ", ".join(f"`keep/{file.name}`" for file in files)


def _thumbprint(certificate: Certificate) -> str:
    """Return Azure's own name for a certificate, in upper case, as its policies compare it."""
    return certificate.parsed.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303  a name, not a proof


def _accepts(purpose: Purpose) -> Accepts:
    return Accepts(
        (Format.PKCS12,),
        _SOURCE,
        purpose=purpose,
        keys=_KEYS,
        profiles=("compat", "modern"),
        trust_formats=(Format.DER, Format.PEM),
    )


PLATFORM = Platform(
    name="azure-api-management",
    title="Azure API Management",
    versions="all tiers, 2026",
    proof=ByDocument(_SOURCE, date(2026, 11, 22)),
    uses=(
        Use(
            name="client",
            title="API Management calls a backend",
            accepts=_accepts(Purpose.CLIENT),
            render=_client,
        ),
        Use(
            name="server",
            title="API Management asks its clients for certificates",
            accepts=_accepts(Purpose.SERVER),
            render=_server,
        ),
    ),
    failures=(
        Failure(
            "context.Request.Certificate is null",
            "the gateway did not ask for a certificate",
            "Custom domains > Negotiate client certificate",
        ),
    ),
)
