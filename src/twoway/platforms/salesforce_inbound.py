"""Calls into Salesforce with a client certificate: port 8443 of the org's own host. Pure.

Source: help.salesforce.com, "Configure Your API Client to Use Mutual Authentication" and knowledge article 000383575;
docs-snaplogic.atlassian.net, "Salesforce Mutual Authentication Setup".
"""

from __future__ import annotations

from collections.abc import Iterator
from string import Template

from twoway.findings import Finding, Severity
from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import Address, address, encrypted_key_file
from twoway.platforms.platform import Accepts, File, Rendered, Root, Use
from twoway.platforms.presented import Presented
from twoway.x509.certificates import pem_bundle
from twoway.x509.weaknesses import from_public_ca

_SOURCE = "help.salesforce.com: Configure Your API Client to Use Mutual Authentication"

PORT = 8443
_HOST = ".my.salesforce.com"
_DEFAULT = f"https://YOUR-COMPANY{_HOST}:{PORT}"

_STEPS = Template("""
## What you do

1. `keep/client.pem` has the certificate and every issuer, leaf first: give your client all of it. Salesforce names no
   CAs, and refuses a chain with a gap.
2. Call `https://$authority`, not port 443, and no other host than the one of My Domain:

   `curl --cert keep/client.pem --key keep/client.key -H "Authorization: Bearer TOKEN" https://$authority/services/data/`

   curl asks for the kit's password. Only APIs answer on this port, no pages.

## What the other side does

1. It asks Salesforce Support to switch **Mutual Authentication** on for the org.
2. In **Setup > Certificate and Key Management**, under **Mutual Authentication Certificates**, it presses
   **Upload Mutual Authentication Certificate**, gives it a label and a unique name, and chooses
   `send/client-certificate.pem`.
3. It gives a user of its own, used by this client alone, the permissions **Enforce SSL/TLS Mutual Authentication** and
   **API Only User**, by a permission set. From then on this user gets in with the certificate only.

## See that it works

1. The call above lists the versions of the API.
2. On port 443, or without `--cert`, the same user gets `MUTUAL_AUTHENTICATION_FAILED`.
""")


def _client(order: Order) -> Rendered:
    there = address(order.peer, _DEFAULT)
    return Rendered(
        keep=(
            File(
                "client.pem",
                pem_bundle(order.identity.certificates),
                "the certificate and all of its issuers",
            ),
            encrypted_key_file(order, "client.key"),
        ),
        send=(File("client-certificate.pem", order.leaf.pem, "the certificate to upload in Setup"),),
        steps=_STEPS.substitute(authority=there.authority),
        notes=tuple(_destination(there)),
    )


def _destination(there: Address) -> Iterator[Finding]:
    if there.port != PORT or not there.host.lower().endswith(_HOST):
        yield Finding(
            "salesforce-not-mutual-host",
            Severity.WARNING,
            f"{there.authority} is not where Salesforce asks for certificates",
            f"it does so on port {PORT} of the org's own host, HOST{_HOST}",
            f"call https://YOUR-COMPANY{_HOST}:{PORT}",
            facts={"host": there.host, "port": there.port},
        )


def listed_root(file: Presented) -> Iterator[Finding]:
    """Salesforce verifies the chain against its own list of public roots."""
    for entry in file.identities:
        leaf = entry.certificates[0]
        if leaf.self_signed:
            yield Finding(
                "salesforce-self-signed",
                Severity.ERROR,
                f"{leaf.subject} is self-signed, and Salesforce takes no such certificate from its callers",
                "it verifies the chain up to a root of its own list before it compares the certificate",
                "have one issued under a root of that list (help.salesforce.com: Outbound Messaging CA Certificates)",
                facts={"file": file.name, "subject": leaf.subject},
            )
        elif not from_public_ca(leaf):
            yield Finding(
                "salesforce-root-unlisted",
                Severity.WARNING,
                f"the root of {leaf.subject} has to be on Salesforce's list of CAs, and seems to be a private one",
                "it verifies the chain up to a root of its own list before it compares the certificate",
                "compare it with that list (help.salesforce.com: Outbound Messaging CA Certificates)",
                facts={"file": file.name, "subject": leaf.subject, "root": entry.certificates[-1].subject},
            )


USE = Use(
    name="api-client",
    title="a program calls Salesforce's APIs with a certificate (mutual authentication)",
    accepts=Accepts(
        (Format.PEM, Format.PKCS12, Format.JKS), _SOURCE, root=Root.EITHER, profiles=("modern", "compat")
    ),
    render=_client,
    checks=(listed_root,),
)
