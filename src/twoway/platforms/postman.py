"""Postman and newman: a PFX for a host, and newman's list of certificates without the passphrase.

Source: postman's documentation of certificates, newman's README, and experiments with newman 6.2.
"""

from __future__ import annotations

import json
from string import Template

from twoway.keystores.model import Format
from twoway.platforms.nodejs import roots_of_pfx
from twoway.platforms.order import Order
from twoway.platforms.parts import Address, address, client_handover, pkcs12_file, trust_client, trust_file
from twoway.platforms.platform import ANY_KEY, Accepts, Failure, File, Platform, Proven, Rendered, Root, Use

_SOURCE = "learning.postman.com: Add and manage CA and client certificates, and experiments with newman 6.2"

_COLLECTION = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"

# newman takes the passphrase from the list alone, so that it is put in on the way there.
_SCRIPT = Template("""\
#!/bin/sh
# Made by twoway. Usage: KEY_PASSWORD=... sh newman.sh [newman's options]
set -eu
cd "$$(dirname "$$0")"
: "$${KEY_PASSWORD:?the password of the kit}"
export KEY_PASSWORD
node -e '
const list = JSON.parse(require("fs").readFileSync("client-cert-list.json"));
for (const one of list) one.passphrase = process.env.KEY_PASSWORD;
console.log(JSON.stringify(list));
' | newman run collection.json --ssl-client-cert-list /dev/stdin$trust "$$@"
""")

_STEPS = Template("""
## What you do

In Postman:

1. Open **Settings > Certificates**.$ca
2. Next to **Client Certificates**, press **Add Certificate**, and fill in:

   | field | value |
   | --- | --- |
   | Host | `$host` (no `https://`) |
   | Port | `$port` |
   | PFX file | `keep/client.pfx` |
   | Passphrase | the kit's password |

   Leave CRT file and KEY file empty. A host has one certificate, and an entry cannot be changed: remove it and add it
   anew.
3. Press **Import** and choose `keep/collection.json`: a call to try.

With newman: `KEY_PASSWORD=... sh keep/newman.sh`. On Windows write the passphrase into a copy of
`client-cert-list.json` and give that to `newman run collection.json --ssl-client-cert-list`. A PFX goes into that list
only: given to `--ssl-client-cert` it is not sent, and nothing is said.

## What the other side does

1. $trusting
$server
## See that it works

1. In Postman, **Send** has the partner's answer; **View > Show Postman Console** shows the certificate that was sent.
   newman says `200 OK`.
2. With the entry removed the same ends with `alert certificate required`, or status 400 by nginx.
""")

_CA = " Switch **CA Certificates** on and choose `keep/server-ca.pem`."

_UNTRUSTED = """\
2. Its certificate must come of a public CA, as no other was given: make the kit with `--trust` for one of its own.
"""


def _client(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-PARTNER.example"
    there = address(url, url)
    trust = (trust_file(order, "server-ca.pem", "whom to trust as the server"),) if order.trusted else ()
    script = _SCRIPT.substitute(trust=" --ssl-extra-ca-certs server-ca.pem" if trust else "")
    return Rendered(
        keep=(
            pkcs12_file(order, "client.pfx", root=False),
            *trust,
            File("collection.json", _json(_collection(url, there)), "a collection with a call to try"),
            File(
                "client-cert-list.json", _json(_list(order, there)), "newman's list, without the passphrase"
            ),
            File("newman.sh", script.encode(), "the collection run by newman, with the passphrase"),
        ),
        send=client_handover(order),
        steps=_STEPS.substitute(
            host=there.host,
            port=there.port,
            ca=_CA if trust else "",
            trusting=trust_client(order),
            server="" if trust else _UNTRUSTED,
        ),
    )


def _collection(url: str, there: Address) -> object:
    call = {"name": "call", "request": {"method": "GET", "url": url}}
    return {"info": {"name": there.host, "schema": _COLLECTION}, "item": [call]}


def _list(order: Order, there: Address) -> object:
    # Without a port only 443 is meant, with one only that.
    where = there.shown if there.port == 443 else there.authority
    return [{"name": order.alias, "matches": [f"https://{where}/*"], "pfx": {"src": "client.pfx"}}]


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


PLATFORM = Platform(
    name="postman",
    title="Postman and newman",
    versions="Postman 11, newman 6; newman 6.2 was tried",
    proof=Proven("newman from npm in tests/interop/platforms/test_postman.py"),
    uses=(
        Use(
            name="client",
            title="Postman or newman calls a partner's API",
            accepts=Accepts(
                (Format.PKCS12, Format.PEM),
                _SOURCE,
                keys=ANY_KEY,
                root=Root.OUT,
                profiles=("modern", "compat"),
            ),
            render=_client,
            checks=(roots_of_pfx,),
        ),
    ),
    failures=(
        Failure(
            "tlsv13 alert certificate required",
            "no certificate was sent: none is set for this host and port, or a PFX was given to --ssl-client-cert",
            "compare Host and Port of the entry with the URL; give newman a PFX in --ssl-client-cert-list only",
        ),
        Failure(
            "mac verify failure",
            "the passphrase is not the PFX's",
            "remove the entry and add it with the one that twoway kit showed; for newman set KEY_PASSWORD to it",
        ),
        Failure(
            "alert unknown ca",
            "the server does not trust the certificate's issuer",
            "have it trust send/client-ca.pem",
        ),
        Failure(
            "self-signed certificate in certificate chain",
            "the root of the server is not trusted",
            "Settings > Certificates > CA Certificates; newman: --ssl-extra-ca-certs",
        ),
        Failure(
            "unable to verify the first certificate",
            "the server sends its leaf alone",
            "have the server send its intermediates",
        ),
        Failure(
            "load error: ENOENT",
            "newman found no such file, and calls without a certificate",
            "run it in the folder of the files, as newman.sh does",
        ),
        Failure(
            "Unsupported PKCS12 PFX data",
            "the PFX is encrypted with RC2, as old tools do",
            "twoway convert old.pfx new.pfx --profile modern",
        ),
        Failure(
            "socket hang up",
            "the server closed the connection; servers of Node.js refuse a certificate so, without saying why",
            "look at the server's log",
        ),
    ),
)
