"""AWS API Gateway: the truststore of a custom domain with mutual TLS. By document.

Source: docs.aws.amazon.com, "Turn on mutual TLS authentication for your REST APIs" (rest-api-mutual-tls).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from string import Template

from twoway.findings import Finding, Severity
from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import address, key_file, sent_chain, server_handover, trust_file
from twoway.platforms.platform import (
    Accepts,
    ByDocument,
    Failure,
    File,
    Platform,
    Rendered,
    Root,
    Setting,
    Use,
)
from twoway.platforms.presented import Presented
from twoway.platforms.verification import server_notes
from twoway.x509.certificates import pem_bundle
from twoway.x509.chains import WEAK_DIGESTS, in_order
from twoway.x509.purposes import Purpose

_SOURCE = "docs.aws.amazon.com: Turn on mutual TLS authentication for your REST APIs"
# Of the server's certificate, as AWS Certificate Manager imports it.
_KEYS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ec-p521")
# Of certificates in the truststore and of clients.
_RSA_BITS_LEAST, _EC_BITS_LEAST, _CHAIN_MOST = 2048, 256, 4

_STEPS = Template("""
## What you do

1. Put the truststore into a bucket of the API's own region, with versions switched on:
   `aws s3 cp keep/truststore.pem s3://$bucket/truststore.pem`
2. Import the server's certificate, or let AWS Certificate Manager make one:
   `aws acm import-certificate --certificate fileb://keep/certificate.pem --private-key fileb://keep/server.key$chain`
3. Make the domain, with the ARN that step 2 printed:

   ```
   aws apigateway create-domain-name --domain-name $host --regional-certificate-arn ARN \\
       --endpoint-configuration types=REGIONAL --security-policy TLS_1_2 \\
       --mutual-tls-authentication truststoreUri=s3://$bucket/truststore.pem
   ```

4. Close the way around it: `aws apigateway update-rest-api --rest-api-id ID --patch-operations
   op=replace,path=/disableExecuteApiEndpoint,value=true`
5. `aws apigateway get-domain-name --domain-name $host` must show no `truststoreWarnings`: what is wrong with a
   certificate in the truststore is said there and nowhere else.

**Nobody checks revocation there.** Whoever is to be kept out although the certificate is valid has to be refused by a
Lambda authorizer, which gets the certificate in `requestContext.identity.clientCert`.

## What the other side does

1. It trusts `send/server-ca.pem` for $host, unless the certificate is a public one.
2. It shows a certificate of at most $most in its chain, of one of these: $names.

## See that it works

1. `curl --cert client.pem --key client.key https://$host/` has the API's answer.
2. Without `--cert` and `--key` the handshake fails; with a certificate of another CA the answer is 403.
""")


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://YOUR-API.example")
    leaf, *above = sent_chain(order)
    chain = (File("chain.pem", pem_bundle(above), "its intermediates"),) if above else ()
    return Rendered(
        keep=(
            File("certificate.pem", leaf.pem, "the server's certificate"),
            key_file(order, "server.key"),
            *chain,
            trust_file(order, "truststore.pem", "the CAs whose clients are let in"),
        ),
        send=server_handover(order),
        steps=_STEPS.substitute(
            host=here.host,
            bucket=order.settings["bucket"],
            chain=" --certificate-chain fileb://keep/chain.pem" if chain else "",
            most=f"{_CHAIN_MOST} certificates",
            names=", ".join(f"`{entry.certificate.subject}`" for entry in order.trusted) or "none",
        ),
        notes=(*server_notes(order, here if order.peer else None), *_unread_lists(order)),
    )


def _unread_lists(order: Order) -> Iterator[Finding]:
    if order.crls:
        yield Finding(
            "revocation-unchecked",
            Severity.WARNING,
            "the revocation lists are not in the kit: API Gateway looks at none",
            "whoever has a valid certificate of a trusted CA is let in, revoked or not",
            "refuse revoked certificates in a Lambda authorizer",
            facts={"issuers": [crl.issuer for crl in order.crls]},
        )


def truststore_limits(file: Presented) -> Iterator[Finding]:
    """What API Gateway says of a truststore in truststoreWarnings, after the upload."""
    pool = [entry.certificate for entry in file.keystore.trusted]
    for certificate in pool:
        key = certificate.key
        least = _RSA_BITS_LEAST if key.algorithm == "rsa" else _EC_BITS_LEAST
        problem = ""
        if certificate.signature_digest in WEAK_DIGESTS:
            problem = f"is signed with {certificate.signature_digest}, and SHA-256 is the least"
        elif key.bits < least:
            problem = f"has a key of {key.bits} bits, and {least} are the least"
        elif len(in_order(certificate, pool).certificates) >= _CHAIN_MOST:
            problem = f"makes chains of more than {_CHAIN_MOST} certificates"
        if problem:
            yield Finding(
                "truststore-certificate-refused",
                Severity.ERROR,
                f"{certificate.subject} {problem}",
                "API Gateway takes the truststore and lets no client of this CA in: truststoreWarnings alone says so",
                "have the CA's certificate made anew, or leave it out",
                facts={"file": file.name, "certificate": certificate.subject},
            )


PLATFORM = Platform(
    name="aws-api-gateway",
    title="AWS API Gateway",
    versions="REST and HTTP APIs with a regional custom domain",
    proof=ByDocument(_SOURCE, date(2026, 11, 22)),
    uses=(
        Use(
            name="server",
            title="a custom domain asks for certificates",
            accepts=Accepts(
                (Format.PEM,), _SOURCE, purpose=Purpose.SERVER, keys=_KEYS, root=Root.OUT, password=None
            ),
            render=_server,
            settings=(
                Setting("bucket", "name of a bucket", "YOUR-BUCKET", re.compile(r"[A-Za-z0-9.-]{3,63}")),
            ),
            trust_checks=(truststore_limits,),
        ),
    ),
    failures=(
        Failure(
            '{"message":"Forbidden"}',
            "the client's certificate is of another CA, has ended, or is too weak",
            "compare its issuer with the truststore; get-domain-name shows truststoreWarnings",
        ),
    ),
)
