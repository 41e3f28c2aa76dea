"""macOS: a PKCS#12 for the keychain. By document.

Source: the manual of security(1); github.com/chris2511/xca issue 474 and others of what the keychain refuses.
"""

from __future__ import annotations

from datetime import date
from string import Template

from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import address, client_handover, pkcs12_file, trust_client, trust_file
from twoway.platforms.platform import Accepts, ByDocument, Failure, Platform, Rendered, Use

_SOURCE = "security(1), and github.com/chris2511/xca issue 474"
_KEYS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ec-p521")

_STEPS = Template("""
## What you do

1. In a terminal; it asks for the kit's password:

   ```
   security import keep/client.p12 -k ~/Library/Keychains/login.keychain-db
   $root```

   By hand instead: **Keychain Access > login > File > Import Items...**, `keep/client.p12`.
2. Safari, Chrome and Edge ask which certificate to show, then whether they may use the key: **Always Allow**. Firefox
   has a store of its own: the platform `firefox`.

## What the other side does

1. $trusting

## See that it works

1. $url shows its page after the certificate was chosen.
2. `security find-identity -v -p ssl-client` lists the certificate.
""")

_ROOT = """security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db keep/server-ca.pem
   """


def _client(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-PARTNER.example"
    address(url, url)
    trust = (trust_file(order, "server-ca.pem", "whom to trust as the server"),) if order.trusted else ()
    return Rendered(
        keep=(pkcs12_file(order, "client.p12", "compat"), *trust),
        send=client_handover(order),
        steps=_STEPS.substitute(url=url, trusting=trust_client(order), root=_ROOT if trust else ""),
    )


PLATFORM = Platform(
    name="macos",
    title="macOS",
    versions="12 and later",
    proof=ByDocument(_SOURCE, date(2026, 11, 22)),
    uses=(
        Use(
            name="client",
            title="a person or a program on macOS shows a certificate of the keychain",
            accepts=Accepts(
                (Format.PKCS12,),
                _SOURCE,
                keys=_KEYS,
                profiles=("compat", "legacy"),
                trust_formats=(Format.PEM, Format.DER),
            ),
            render=_client,
        ),
    ),
    failures=(
        Failure(
            "MAC verification failed during PKCS12 import (wrong password?)",
            "the file has a SHA-256 MAC, or is encrypted with AES; the password may be right",
            "twoway convert client.p12 new.p12 --profile compat",
        ),
    ),
)
