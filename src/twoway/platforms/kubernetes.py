"""Kubernetes: manifests of the secrets, for programs in a pod and for ingress-nginx. By document.

Source: kubernetes.io, "Secrets"; kubernetes.github.io/ingress-nginx, "Client Certificate Authentication".
"""

from __future__ import annotations

import re
from datetime import date
from string import Template
from textwrap import indent

from twoway.keystores.model import Format
from twoway.platforms.order import Order
from twoway.platforms.parts import (
    address,
    clear_key,
    client_handover,
    sent_chain,
    server_handover,
    trust_client,
)
from twoway.platforms.platform import (
    ANY_KEY,
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
from twoway.platforms.verification import TRUST_CHECKS, authorities_deep, server_notes
from twoway.x509.certificates import pem_bundle
from twoway.x509.purposes import Purpose

_SOURCE = "kubernetes.io: Secrets; kubernetes.github.io/ingress-nginx: Client Certificate Authentication"
# A secret has at most so much. Source: kubernetes.io, Secrets
_OCTETS_MOST = 1024 * 1024
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

_NAMESPACE = Setting("namespace", "namespace", "default", _NAME)

_SECRET = Template("""\
# Made by twoway. Holds the private key: not for a repository, unless it is sealed before.
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata:
  name: $name
  namespace: $namespace
stringData:
  tls.crt: |
$certificates  tls.key: |
$key""")

_AUTHORITIES = Template("""\
# Made by twoway. Certificates only.
apiVersion: v1
kind: Secret
type: Opaque
metadata:
  name: $name
  namespace: $namespace
stringData:
  ca.crt: |
$certificates""")

_POD = Template("""\
# Lines for the pod of a Deployment. Made by twoway.
spec:
  containers:
    - name: app
      volumeMounts:
        # tls.crt and tls.key, and ca.crt: whom to trust.
        - {name: $name, mountPath: /etc/twoway, readOnly: true}
  volumes:
    - name: $name
      projected:
        defaultMode: 0400
        sources:
          - secret: {name: $name}
$trust""")

_INGRESS = Template("""\
# For ingress-nginx. Made by twoway.
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: $name
  namespace: $namespace
  annotations:
    nginx.ingress.kubernetes.io/auth-tls-verify-client: "on"
    nginx.ingress.kubernetes.io/auth-tls-secret: $namespace/$name-client-ca
    nginx.ingress.kubernetes.io/auth-tls-verify-depth: "$depth"
    nginx.ingress.kubernetes.io/auth-tls-pass-certificate-to-upstream: "true"
spec:
  ingressClassName: nginx
  tls:
    - hosts: ["$host"]
      secretName: $name
  rules:
    - host: "$host"
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: $service, port: {number: $port}}}
""")

_CLIENT_STEPS = Template("""
## What you do

1. `kubectl apply -f keep/tls-secret.yaml$apply`
2. Add the lines of `keep/pod.yaml` to your Deployment. The program reads `/etc/twoway/tls.crt`, `tls.key` and
   `ca.crt`; after a renewal it has to read them again.

## What the other side does

1. $trusting

## See that it works

1. `kubectl exec deploy/APP -- curl --cert /etc/twoway/tls.crt --key /etc/twoway/tls.key $cacert$url` is answered.
2. Without `--cert` and `--key` the same is refused.
""")

_SERVER_STEPS = Template("""
## What you do

1. `kubectl apply -f keep/tls-secret.yaml -f keep/client-ca-secret.yaml`
2. `kubectl apply -f keep/ingress.yaml`, or put its annotations into the Ingress that you have. They hold for a whole
   host: one other Ingress of the host without them does not open it, but the first one made decides.

## What the other side does

1. It trusts `send/server-ca.pem` for $host.
2. It shows a certificate with the purpose clientAuth, with its intermediates, of one of these: $names.

## See that it works

1. `curl --cacert send/server-ca.pem --cert client.pem --key client.key $url` has the application's answer.
2. Without `--cert` and `--key` it says `400 No required SSL certificate was sent`.
""")


def _client(order: Order) -> Rendered:
    url = order.peer or "https://YOUR-PARTNER.example"
    address(url, url)
    name = order.settings["name"]
    trust = (_authorities(order, f"{name}-ca", "ca-secret.yaml"),) if order.trusted else ()
    source = f"          - secret: {{name: {name}-ca}}\n" if trust else ""
    pod = _POD.substitute(name=name, trust=source)
    return Rendered(
        keep=(_secret(order), *trust, File("pod.yaml", pod.encode(), "lines for a Deployment")),
        send=client_handover(order),
        steps=_CLIENT_STEPS.substitute(
            url=url,
            apply=" -f keep/ca-secret.yaml" if trust else "",
            cacert="--cacert /etc/twoway/ca.crt " if trust else "",
            trusting=trust_client(order),
        ),
    )


def _server(order: Order) -> Rendered:
    here = address(order.peer, "https://YOUR-API.example")
    values = {
        **order.settings,
        "host": here.host,
        "depth": authorities_deep(order),
    }
    return Rendered(
        keep=(
            _secret(order),
            _authorities(order, f"{order.settings['name']}-client-ca", "client-ca-secret.yaml"),
            File(
                "ingress.yaml", _INGRESS.substitute(values).encode(), "an Ingress that asks for certificates"
            ),
        ),
        send=server_handover(order),
        steps=_SERVER_STEPS.substitute(
            host=here.host,
            url=f"https://{here.host}/",
            names=", ".join(f"`{entry.certificate.subject}`" for entry in order.trusted) or "none",
        ),
        notes=server_notes(order, here if order.peer else None),
    )


def _secret(order: Order) -> File:
    values = {"certificates": _block(pem_bundle(sent_chain(order))), "key": _block(clear_key(order))}
    text = _SECRET.substitute({**order.settings, **values})
    return File(
        "tls-secret.yaml", text.encode(), "the certificate, its intermediates and the key", secret=True
    )


def _authorities(order: Order, name: str, file: str) -> File:
    bundle = pem_bundle([entry.certificate for entry in order.trusted])
    values = {**order.settings, "name": name, "certificates": _block(bundle)}
    return File(file, _AUTHORITIES.substitute(values).encode(), "whom to trust", trust=True)


def _block(pem: bytes) -> str:
    """Return PEM as the lines of a block of YAML."""
    return indent(pem.decode(), "    ")


def _accepts(purpose: Purpose) -> Accepts:
    return Accepts(
        (Format.PEM,),
        _SOURCE,
        purpose=purpose,
        keys=ANY_KEY,
        root=Root.OUT,
        password=None,
        octets=_OCTETS_MOST,
    )


PLATFORM = Platform(
    name="kubernetes",
    title="Kubernetes",
    versions="1.20 and later; ingress-nginx 1.x",
    proof=ByDocument(_SOURCE, date(2026, 11, 22)),
    uses=(
        Use(
            name="client",
            title="a program in a pod shows a certificate",
            accepts=_accepts(Purpose.CLIENT),
            render=_client,
            settings=(Setting("name", "name of a secret", "partner-client", _NAME), _NAMESPACE),
        ),
        Use(
            name="server",
            title="ingress-nginx asks for certificates",
            accepts=_accepts(Purpose.SERVER),
            render=_server,
            settings=(
                Setting("name", "name of a secret and an Ingress", "mutual-tls", _NAME),
                _NAMESPACE,
                Setting("service", "name of the service behind it", "app", _NAME),
                Setting("port", "port of the service behind it", "80", re.compile("[1-9][0-9]{0,4}")),
            ),
            trust_checks=TRUST_CHECKS,
        ),
    ),
    failures=(
        Failure(
            "private key does not match public key",
            "kubectl compares them: the key is another certificate's, or an issuer stands first",
            "leaf first in tls.crt; twoway check tls.crt tls.key",
        ),
        Failure(
            "No required SSL certificate was sent",
            "ingress-nginx asked for a certificate and got none",
            "show one of the CAs in the secret",
        ),
        Failure(
            "The SSL certificate error",
            "the client's certificate does not verify: another CA, or more intermediates than auth-tls-verify-depth",
            "look at the controller's log for the number of the reason",
        ),
    ),
)
