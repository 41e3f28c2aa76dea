"""Node.js: ``https`` as a client that shows a certificate, and as a server that asks for them.

Source: nodejs.org, "TLS (SSL)" and "HTTPS", and experiments with Node.js 20.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from string import Template

from twoway.findings import Finding, Severity
from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import (
    address,
    chain_file,
    client_handover,
    crl_file,
    encrypted_key_file,
    server_handover,
    trust_client,
    trust_file,
)
from twoway.platforms.platform import ANY_KEY, Accepts, Failure, File, Platform, Proven, Rendered, Root, Use
from twoway.platforms.presented import Presented
from twoway.platforms.verification import TRUST_CHECKS, crl_missing, server_notes
from twoway.x509.purposes import Purpose

_SOURCE = "nodejs.org: TLS (SSL), and experiments with Node.js 20"

_CLIENT = Template("""\
// Made by twoway. The password of client.key is in the environment variable KEY_PASSWORD.
import { readFileSync } from "node:fs";
import https from "node:https";
import { pathToFileURL } from "node:url";

const file = (name) => readFileSync(new URL(name, import.meta.url));

export const agent = new https.Agent({
  // PEM and not pfx: Node.js trusts every root that it finds in a pfx, for the other side too.
  cert: file("client.pem"),
  key: file("client.key"),
  passphrase: process.env.KEY_PASSWORD,
$trust  minVersion: "TLSv1.2",
  keepAlive: true,
});

export function get(url) {
  return new Promise((resolve, reject) => {
    const request = https.get(url, { agent }, async (response) => {
      const parts = [];
      for await (const part of response) parts.push(part);
      resolve({ status: response.statusCode, body: Buffer.concat(parts).toString() });
    });
    request.on("error", reject);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const answer = await get(process.argv[2] ?? $url);
  console.log(answer.status, answer.body);
  agent.destroy();
}
""")

_TRUST = """\
  // These and nothing else: Node.js leaves its own list of public CAs aside.
  ca: file("server-ca.pem"),
"""

_CLIENT_STEPS = Template("""
## What you do

1. Put the files of `keep/` beside your program, readable for it alone.
2. Set the kit's password in the environment of your program: `KEY_PASSWORD`.
3. Use the agent: `import { agent, get } from "./client.mjs"`. Every client of `node:https` takes it; axios as
   `httpsAgent`. `fetch` takes no agent: give undici's `Agent` the same options as `connect`.

## What the other side does

1. $trusting
$server
## See that it works

1. `KEY_PASSWORD=... node keep/client.mjs` shows the status and the answer.
2. Without `cert` and `key` the same ends with `ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED` or `socket hang up`.
""")

_UNTRUSTED = """\
2. Its certificate must come of a public CA, as no other was given: make the kit with `--trust` for one of its own.
"""

_SERVER = Template("""\
// Made by twoway. The password of server.key is in the environment variable KEY_PASSWORD.
import { readFileSync } from "node:fs";
import https from "node:https";

const file = (name) => readFileSync(new URL(name, import.meta.url));

export const options = {
  // PEM and not pfx: Node.js lets in whoever has a certificate of a root that it finds in a pfx, also of our own.
  cert: file("server.pem"),
  key: file("server.key"),
  passphrase: process.env.KEY_PASSWORD,
  // Clients of these CAs are let in; both of the next two lines are needed.
  ca: file("client-ca.pem"),
  requestCert: true,
  rejectUnauthorized: true,
$revocation  minVersion: "TLSv1.2",
};

const server = https.createServer(options, (request, response) => {
  const client = request.socket.getPeerCertificate();
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ client: client.subject.CN, fingerprint: client.fingerprint256 }) + "\\n");
});

// Node.js sends no reason to a client that it refuses, so that it is found here alone.
server.on("tlsClientError", (error, socket) => {
  console.error("refused", socket.remoteAddress, error.code, error.message);
});
server.listen($port, () => console.log(`listening on $${server.address().port}`));
""")

_SERVER_STEPS = Template("""
## What you do

1. Put the files of `keep/` beside your program, readable for it alone.
2. Set the kit's password in the environment of your program: `KEY_PASSWORD`.
3. Give the `options` of `server.mjs` to your own server, as `https.createServer(options, app)` does, or start from
   `server.mjs`. Decide by `request.socket.getPeerCertificate()` which client may do what.

## What the other side does

1. It trusts `send/server-ca.pem` for this server.
2. It shows a certificate with the purpose clientAuth, together with its intermediates, of one of these: $names.

## See that it works

1. `KEY_PASSWORD=... node keep/server.mjs` says `listening on $port`.
2. `curl --cacert send/server-ca.pem --cert client.pem --key client.key https://$authority/` shows the client's name.
3. Without `--cert` and `--key` the same has no answer, and the server says `refused` with the reason.
""")


def _client(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-PARTNER.example"
    address(url, url)
    trust = (trust_file(order, "server-ca.pem", "whom to trust as the server"),) if order.trusted else ()
    text = _CLIENT.substitute(url=json.dumps(url), trust=_TRUST if trust else "")
    return Rendered(
        keep=(
            chain_file(order, "client.pem"),
            encrypted_key_file(order, "client.key"),
            *trust,
            File("client.mjs", text.encode(), "an agent with all of that, and a call to try"),
        ),
        send=client_handover(order),
        steps=_CLIENT_STEPS.substitute(trusting=trust_client(order), server="" if trust else _UNTRUSTED),
    )


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://localhost:8443")
    crls = (crl_file(order, "client-ca.crl"),) if order.crls else ()
    revocation = '  crl: file("client-ca.crl"),\n' if crls else ""
    text = _SERVER.substitute(port=here.port, revocation=revocation)
    return Rendered(
        keep=(
            chain_file(order, "server.pem"),
            encrypted_key_file(order, "server.key"),
            trust_file(order, "client-ca.pem", "the CAs whose clients are let in"),
            *crls,
            File("server.mjs", text.encode(), "a server that asks for certificates"),
        ),
        send=server_handover(order),
        steps=_SERVER_STEPS.substitute(
            port=here.port,
            authority=here.authority,
            names=", ".join(f"`{entry.certificate.subject}`" for entry in order.trusted) or "none",
        ),
        notes=(*server_notes(order, here if order.peer else None), *crl_missing(order)),
    )


def roots_of_pfx(file: Presented) -> Iterator[Finding]:
    """Node.js, and what is built on it, trusts each root of a PKCS#12: seen with Node.js 20."""
    if file.keystore.format is not Format.PKCS12:
        return
    inside = [one for entry in file.identities for one in entry.certificates[1:] if one.self_signed]
    inside += [entry.certificate for entry in file.keystore.trusted if entry.certificate.self_signed]
    for root in dict.fromkeys(inside):
        yield Finding(
            "pfx-root-becomes-trusted",
            Severity.WARNING,
            f"{root.subject} is in {file.name}, and Node.js trusts every root that it finds in a pfx",
            "the certificates beside the key are put into the list of trusted CAs, whatever ca says: a server lets in,"
            " and a client believes, whoever has a certificate of that root",
            "give Node.js cert and key as PEM, or make the file without its root",
            facts={"file": file.name, "root": root.subject, "sha256": root.sha256},
        )


_FORMATS = (Format.PEM, Format.PKCS12)
_PROFILES = ("modern", "compat")

PLATFORM = Platform(
    name="nodejs",
    title="Node.js",
    versions="18 and later; tried with 20",
    proof=Proven("Debian's or NodeSource's nodejs in tests/interop/platforms/test_nodejs.py"),
    uses=(
        Use(
            name="client",
            title="Node.js calls a partner's API",
            accepts=Accepts(_FORMATS, _SOURCE, keys=ANY_KEY, root=Root.OUT, profiles=_PROFILES),
            render=_client,
            checks=(roots_of_pfx,),
        ),
        Use(
            name="server",
            title="a server of Node.js asks for certificates",
            accepts=Accepts(
                _FORMATS, _SOURCE, purpose=Purpose.SERVER, keys=ANY_KEY, root=Root.OUT, profiles=_PROFILES
            ),
            render=_server,
            checks=(roots_of_pfx,),
            trust_checks=TRUST_CHECKS,
        ),
    ),
    failures=(
        Failure(
            "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "the server asked for a certificate and got none",
            "give the agent cert and key, and the request the agent",
        ),
        Failure(
            "socket hang up",
            "the server closed the connection; servers of Node.js refuse a certificate so, without saying why",
            "look at the server's tlsClientError",
        ),
        Failure(
            "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
            "the server does not trust the certificate's issuer, or was not sent an intermediate",
            "have it trust send/client-ca.pem, and give the chain in cert, leaf first",
        ),
        Failure(
            "ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
            "the certificate is not for clients",
            "have it issued with clientAuth",
        ),
        Failure(
            "SELF_SIGNED_CERT_IN_CHAIN",
            "the root of the other side's chain is not trusted",
            "give it as ca; NODE_EXTRA_CA_CERTS adds one for the whole process",
        ),
        Failure(
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            "the server sends its leaf alone",
            "have the server send its intermediates",
        ),
        Failure(
            "UNABLE_TO_GET_ISSUER_CERT",
            "the CA that was given as ca is an intermediate, without its root",
            "give the root",
        ),
        Failure(
            "ERR_TLS_CERT_ALTNAME_INVALID",
            "the server's certificate is not for the host that was called",
            "have it issued with that host as subjectAltName",
        ),
        Failure(
            "ERR_OSSL_BAD_DECRYPT",
            "KEY_PASSWORD is not the key's password",
            "set it to the one that twoway kit showed",
        ),
        Failure("mac verify failure", "the passphrase is not the pfx's", "set it to the one of the file"),
        Failure(
            "Unsupported PKCS12 PFX data",
            "the pfx is encrypted with RC2, as old tools do",
            "twoway convert old.pfx new.p12 --profile modern",
        ),
    ),
)
