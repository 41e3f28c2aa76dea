"""Chromium and Chrome on Linux: a PKCS#12 in the NSS database that they read.

On Windows and macOS Chrome and Edge read the system's store: the platforms ``windows`` and ``macos``.
Source: chromium.googlesource.com, docs/linux/cert_management.md; experiments with Chromium 156 and NSS 3.87.
"""

from __future__ import annotations

import json
from string import Template

from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import address, client_handover, pkcs12_file, trust_client
from twoway.platforms.platform import (
    Accepts,
    Failure,
    File,
    Platform,
    Proven,
    Rendered,
    Use,
)

_CHROMIUM = "chromium.googlesource.com: Linux Cert Management, and experiments with Chromium 156 and NSS 3.87"
# Browsers on the desktop have no Ed25519 in TLS. Source: BoringSSL's default signature algorithms, NSS's
KEYS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384")
# NSS reads RC2 too.
PROFILES = ("modern", "compat", "mixed", "legacy")

_CHROMIUM_STEPS = Template("""
## What you do

On Linux, each user for herself. With the browser's own pages:

1. Open `chrome://certificate-manager` (**Settings > Privacy and security > Security > Manage certificates**).
2. **Your certificates**, **Import**: choose `keep/client.p12` and enter the kit's password.
$root_by_hand
Or in a terminal, with Debian's package `libnss3-tools`:

```
mkdir -p ~/.pki/nssdb
[ -e ~/.pki/nssdb/cert9.db ] || certutil -N -d sql:$$HOME/.pki/nssdb --empty-password
pk12util -d sql:$$HOME/.pki/nssdb -i keep/client.p12
$root_by_command```

Then restart the browser. At the first call it asks which certificate to show; `keep/auto-select.json`, put into
`/etc/chromium/policies/managed/` (Chrome: `/etc/opt/chrome/policies/managed/`), answers for $host.

On Windows and macOS the browser reads the system's store: make a kit for `windows` or `macos`.

## What the other side does

1. $trusting
2. If it names CAs in its certificate request, it names one that this chain leads to: the browser offers no others.

## See that it works

1. $url shows its page after the certificate was chosen.
2. In a private window, **Cancel** instead: `ERR_BAD_SSL_CLIENT_AUTH_CERT`, or status 400 by nginx.
""")

_ROOT_BY_HAND = """\
3. **Local certificates**, **Custom: installed by you**, **Import** under **Trusted certificates**: choose
   `keep/server-ca.pem`.
"""


def _chromium(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-PARTNER.example"
    there = address(url, url)
    where = f"https://{there.shown if there.port == 443 else there.authority}"
    # The value of the policy is a list of JSON texts. Source: chromeenterprise.google, AutoSelectCertificateForUrls
    policy = {"AutoSelectCertificateForUrls": [json.dumps({"pattern": where, "filter": _filter(order)})]}
    authorities = enumerate(order.trusted)
    split = [
        File(f"server-ca-{number}.pem", entry.certificate.pem, "whom to trust as the server", trust=True)
        for number, entry in authorities
    ]
    named = [File("server-ca.pem", one.content, one.about, trust=True) for one in split]
    trust = tuple(named if len(split) == 1 else split)
    return Rendered(
        keep=(
            pkcs12_file(order, "client.p12"),
            *trust,
            File("auto-select.json", (json.dumps(policy, indent=2) + "\n").encode(), "a policy: do not ask"),
        ),
        send=client_handover(order),
        steps=_CHROMIUM_STEPS.substitute(
            url=url,
            host=there.host,
            trusting=trust_client(order),
            root_by_hand=_ROOT_BY_HAND if trust else "",
            root_by_command="".join(
                f'certutil -d sql:$HOME/.pki/nssdb -A -t "C,," -n {entry.name.removesuffix(".pem")}-{_mark(order)}'
                f" -i keep/{entry.name}\n"
                for entry in trust
            ),
        ),
    )


def _filter(order: Order) -> object:
    """Return what chooses this certificate: its issuer, where a common name says who that is."""
    last = order.leaf.parsed.issuer.rdns[-1] if order.leaf.parsed.issuer.rdns else ()
    names = [one.value for one in last if one.oid.dotted_string == "2.5.4.3"]
    return {"ISSUER": {"CN": names[0]}} if names else {}


def _mark(order: Order) -> str:
    """Return something that tells nicknames of several kits apart."""
    return order.leaf.sha256[:8]


_ACCEPTS = Accepts(
    (Format.PKCS12,),
    _CHROMIUM,
    keys=KEYS,
    profiles=PROFILES,
    trust_formats=(Format.PEM,),
)

_FAILURES = (
    Failure(
        "ERR_BAD_SSL_CLIENT_AUTH_CERT",
        "no certificate was chosen: none is imported, or none leads to a CA that the server names, is valid and for"
        " clients",
        "import client.p12; compare the CA names of the server (openssl s_client -connect HOST:PORT)",
    ),
    Failure(
        "ERR_CERT_AUTHORITY_INVALID",
        "the server's root is not trusted",
        "import server-ca.pem as a trusted certificate",
    ),
    Failure(
        "ERR_CERT_COMMON_NAME_INVALID",
        "the server's certificate is not for the host that was called",
        "have it issued with that host as subjectAltName",
    ),
    Failure(
        "ERR_SOCKET_NOT_CONNECTED",
        "the server refused the certificate after the handshake of TLS 1.3, and the reason was lost",
        "look at the server's log",
    ),
    Failure(
        "SEC_ERROR_BAD_PASSWORD",
        "the password is not the file's",
        "enter the one that twoway kit showed",
    ),
)

PLATFORM = Platform(
    name="browser",
    title="Chromium and Chrome on Linux",
    versions="tried with Chromium 156 and NSS 3.87",
    proof=Proven("Debian's chromium and pk12util in tests/interop/platforms/test_browser.py"),
    uses=(
        Use(
            name="client",
            title="a person opens pages that ask for a certificate",
            accepts=_ACCEPTS,
            render=_chromium,
        ),
    ),
    failures=_FAILURES,
)
