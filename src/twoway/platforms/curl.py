"""curl: a configuration file without a password, and a script that hands the password on.

Source: curl.se, the manual (--cert, --cert-type, --key, --pass, --config), and experiments with curl 7.88 (OpenSSL).
"""

from __future__ import annotations

import re
from string import Template

from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import (
    address,
    chain_file,
    client_handover,
    encrypted_key_file,
    pkcs12_file,
    trust_client,
    trust_file,
)
from twoway.platforms.platform import (
    ANY_KEY,
    Accepts,
    Failure,
    File,
    Platform,
    Proven,
    Rendered,
    Root,
    Setting,
    Use,
)

_SOURCE = "curl.se: the manual, and experiments with curl 7.88"

_KEYSTORE = Setting("keystore", "kind of files: pem or pkcs12", "pem", re.compile(r"pem|pkcs12"))

_CONFIG = Template("""\
# Made by twoway. Paths are relative to the folder where curl is started: client.sh goes to this one first.
$identity$trust# No answer within this many seconds is a failure.
connect-timeout = 10
""")

_PEM = 'cert = "client.pem"\nkey = "client.key"\n'
_P12 = 'cert = "client.p12"\ncert-type = "P12"\n'
_TRUST = '# These CAs and nothing else.\ncacert = "server-ca.pem"\n'

# The password goes through a pipe: on a command line every user of the machine could read it.
_SCRIPT = Template("""\
#!/bin/sh
# Made by twoway. Usage: KEY_PASSWORD=... sh client.sh [curl's options] URL
set -eu
cd "$$(dirname "$$0")"
: "$${KEY_PASSWORD:?the password of the kit}"
[ "$$#" -gt 0 ] || set -- '$url'
printf '%s' "$$KEY_PASSWORD" | sed -e 's/[\\\\"]/\\\\&/g' -e 's/^/pass = "/' -e 's/$$/"/' |
    curl --config curl.config --config - "$$@"
""")

_STEPS = Template("""
## What you do

1. Put the files of `keep/` into a folder that only you can read.
2. `KEY_PASSWORD=... sh keep/client.sh --include $url`. The script hands the password to curl through a pipe. With
   your own curl: `curl --config curl.config URL` in that folder asks for it.

curl on Windows (Schannel) reads no such files: use the platform `windows` there.

## What the other side does

1. $trusting
$server
## See that it works

1. The command above has the partner's answer.
2. `curl $cacert$url`, without the configuration, is refused: `alert certificate required`, or status 400 by nginx.
""")

_UNTRUSTED = """\
2. Its certificate must come of a public CA, as no other was given: make the kit with `--trust` for one of its own.
"""


def _client(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-PARTNER.example"
    address(url, url)
    trust = (trust_file(order, "server-ca.pem", "whom to trust as the server"),) if order.trusted else ()
    pkcs12 = order.settings["keystore"] == "pkcs12"
    identity = (
        (pkcs12_file(order, "client.p12", root=False),)
        if pkcs12
        else (chain_file(order, "client.pem"), encrypted_key_file(order, "client.key"))
    )
    config = _CONFIG.substitute(identity=_P12 if pkcs12 else _PEM, trust=_TRUST if trust else "")
    return Rendered(
        keep=(
            *identity,
            *trust,
            File("curl.config", config.encode(), "the options of curl, without the password"),
            File(
                "client.sh", _SCRIPT.substitute(url=url).encode(), "a call with the password of KEY_PASSWORD"
            ),
        ),
        send=client_handover(order),
        steps=_STEPS.substitute(
            url=url,
            trusting=trust_client(order),
            cacert="--cacert keep/server-ca.pem " if trust else "",
            server="" if trust else _UNTRUSTED,
        ),
    )


PLATFORM = Platform(
    name="curl",
    title="curl",
    versions="7.60 and later with OpenSSL; tried with 7.88",
    proof=Proven("Debian's curl in tests/interop/platforms/test_curl.py"),
    uses=(
        Use(
            name="client",
            title="curl calls a partner's API",
            accepts=Accepts(
                (Format.PEM, Format.PKCS12),
                _SOURCE,
                keys=ANY_KEY,
                root=Root.OUT,
                profiles=("modern", "compat"),
            ),
            render=_client,
            settings=(_KEYSTORE,),
        ),
    ),
    failures=(
        Failure(
            "alert certificate required",
            "the server asked for a certificate and got none",
            "call through client.sh, or with --config curl.config",
        ),
        Failure(
            "No required SSL certificate was sent",
            "nginx asked for a certificate and got none",
            "call through client.sh, or with --config curl.config",
        ),
        Failure(
            "alert unknown ca",
            "the server does not trust the certificate's issuer, or was not sent an intermediate",
            "have it trust send/client-ca.pem, and keep the chain in client.pem, leaf first",
        ),
        Failure(
            "alert unsupported certificate",
            "the certificate is not for clients",
            "have it issued with clientAuth",
        ),
        Failure(
            "unable to set private key file",
            "the key is another certificate's, or the password is not its own",
            "set KEY_PASSWORD to the one that twoway kit showed; twoway check client.pem client.key",
        ),
        Failure(
            "could not load PEM client certificate",
            "a PKCS#12 or DER file was given without its type",
            "cert-type = P12 in curl.config",
        ),
        Failure(
            "could not parse PKCS12 file",
            "the password is not the file's (mac verify failure), or it is encrypted with RC2 (unsupported)",
            "set KEY_PASSWORD to the one that twoway kit showed; twoway convert old.p12 new.p12 --profile modern",
        ),
        Failure(
            "(60) SSL certificate problem",
            "the server's root is not trusted, or the server sends its leaf alone",
            "give its root with --trust; have the server send its intermediates",
        ),
        Failure(
            "(60) SSL certificate verification failed",
            "curl before 8 says this over TLS 1.2 where the server refused your own certificate as expired",
            "look at the end of your own certificate: twoway inspect client.pem",
        ),
        Failure(
            "(52) Empty reply from server",
            "the server refused the certificate after the handshake of TLS 1.3, as Node.js does",
            "look at the server's log",
        ),
    ),
)
