"""Firefox: a PKCS#12 in its own store, the same on every system. By document.

Source: support.mozilla.org and mozilla.github.io/policy-templates; messages: Firefox's own source.
"""

from __future__ import annotations

import json
from datetime import date
from string import Template

from twoway.keystores.model import Format
from twoway.platforms.browser import KEYS, PROFILES
from twoway.platforms.order import Order
from twoway.platforms.parts import address, client_handover, pkcs12_file, trust_client, trust_file
from twoway.platforms.platform import Accepts, ByDocument, Failure, File, Platform, Rendered, Use

_SOURCE = "support.mozilla.org: Set up certificate authorities in Firefox; mozilla.github.io/policy-templates"

_STEPS = Template("""
## What you do

1. Open **Settings > Privacy & Security > Certificates > View Certificates**.
2. **Your Certificates**, **Import...**: choose `keep/client.p12` and enter the kit's password.
$root_by_hand
Firefox keeps a store of its own in each profile, on every system.

## What the other side does

1. $trusting
2. If it names CAs in its certificate request, it names one that this chain leads to.

## See that it works

1. $url asks for the certificate (**User Identification Request**) and shows its page.
2. With **Cancel** there it says `SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT`, or the server's own refusal.
""")

_ROOT = """\
3. **Authorities**, **Import...**: choose `keep/server-ca.pem` and tick **Trust this CA to identify websites**.
   For many users: `keep/policies.json` in the folder `distribution` of the installation.
"""


def _client(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-PARTNER.example"
    address(url, url)
    policy = {"policies": {"Certificates": {"Install": ["server-ca.pem"]}}}
    trust = (
        (
            trust_file(order, "server-ca.pem", "whom to trust as the server"),
            File("policies.json", (json.dumps(policy, indent=2) + "\n").encode(), "the same for many users"),
        )
        if order.trusted
        else ()
    )
    return Rendered(
        keep=(pkcs12_file(order, "client.p12"), *trust),
        send=client_handover(order),
        steps=_STEPS.substitute(url=url, trusting=trust_client(order), root_by_hand=_ROOT if trust else ""),
    )


PLATFORM = Platform(
    name="firefox",
    title="Firefox",
    versions="128 and later",
    proof=ByDocument(_SOURCE, date(2026, 11, 22)),
    uses=(
        Use(
            name="client",
            title="a person opens pages that ask for a certificate",
            accepts=Accepts(
                (Format.PKCS12,), _SOURCE, keys=KEYS, profiles=PROFILES, trust_formats=(Format.PEM,)
            ),
            render=_client,
        ),
    ),
    failures=(
        Failure(
            "SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT",
            "no certificate was shown",
            "import client.p12 under Your Certificates",
        ),
        Failure(
            "SSL_ERROR_BAD_CERT_ALERT",
            "a server of Java or Go got no certificate, or one that it refuses",
            "import client.p12 under Your Certificates, or look at the server's log",
        ),
        Failure(
            "SEC_ERROR_UNKNOWN_ISSUER",
            "the server's root is not trusted",
            "import server-ca.pem under Authorities",
        ),
    ),
)
