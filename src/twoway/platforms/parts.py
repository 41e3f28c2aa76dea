"""What kits of several platforms are put together from. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from twoway import keystores
from twoway.errors import UsageError
from twoway.keystores import private_keys
from twoway.keystores.model import Format, Keystore
from twoway.platforms.order import Order
from twoway.platforms.platform import Accepts, File, Root, Setting
from twoway.x509 import pem
from twoway.x509.certificates import Certificate, pem_bundle
from twoway.x509.keys import encrypted_pem, load_own_key
from twoway.x509.purposes import Purpose

# What the paths in a configuration may be: nothing that any configuration, or a shell, reads as something else.
PATH = re.compile(r"([A-Za-z]:)?/[A-Za-z0-9._/+@-]{0,200}")
_ORIGIN = r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?"
UPSTREAM = re.compile(rf"{_ORIGIN}(/[A-Za-z0-9._~/-]*)?")
ORIGIN = re.compile(rf"{_ORIGIN}/?")
LISTEN = re.compile(r"([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:.]{2,45}")
_URL_PATH = re.compile(r"[A-Za-z0-9._~/@:+-]{0,500}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a link leads to.

    Args:
        host: a name, or an IP address without brackets.
        port: 1 to 65535.
        path: empty, or with a slash first.
    """

    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """Host and port as a URL has them."""
        return f"{self.shown}:{self.port}"

    @property
    def shown(self) -> str:
        """The host as a URL has it."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def is_ip(self) -> bool:
        """Whether the host is an IP address, which no handshake can name."""
        return ":" in self.host or bool(re.fullmatch(r"[0-9.]+", self.host))


def address(url: str, default: str, port: int = 443) -> Address:
    """Return where a URL leads to.

    Args:
        url: as --peer has it; ``HOST`` and ``HOST:PORT`` will do.
        default: what is taken where it is empty.
        port: what is taken where it names none.

    Raises:
        UsageError: it is no URL, or has characters that a configuration cannot hold.
    """
    text = url or default
    advice = "give it as https://HOST:PORT with --peer"
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        found = parts.port or (80 if parts.scheme == "http" else port)
    except ValueError as error:
        raise UsageError(f"{text!r} is no URL", advice) from error
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or not _URL_PATH.fullmatch(parts.path):
        raise UsageError(f"{text!r} is no URL of a host", advice)
    return Address(host, found, parts.path.rstrip("/"))


def directory_setting(default: str) -> Setting:
    """Return the setting that says where the kit's files will lie."""
    return Setting(
        "directory", "the absolute path of the folder that the kit's files are put into", default, PATH
    )


def upstream_setting(*, path: bool = True) -> Setting:
    """Return the setting that says what is behind a server.

    Args:
        path: whether the server can put a path before that of the request.
    """
    about = "the URL of the application behind it"
    return Setting(
        "upstream",
        about if path else f"{about}, without a path",
        "http://127.0.0.1:8080",
        UPSTREAM if path else ORIGIN,
    )


def listen_setting(default: str) -> Setting:
    """Return the setting that says where a client's plain HTTP is taken."""
    return Setting("listen", "the address HOST:PORT where the application calls it", default, LISTEN)


def pem_accepts(source: str, purpose: Purpose) -> Accepts:
    """Return what servers and their proxies take that read PEM files and start unattended: a key in clear."""
    root = Root.OUT if purpose is Purpose.SERVER else Root.EITHER
    return Accepts(formats=(Format.PEM,), source=source, purpose=purpose, root=root, password=None)


def clear_key(order: Order) -> bytes:
    """Return the private key as PEM in clear, PKCS#8: what a server that starts unattended must have."""
    return pem.encode(private_keys.PKCS8, order.identity.key_der)


def key_file(order: Order, name: str) -> File:
    """Return the private key as a file of its own, in clear."""
    return File(name, clear_key(order), "the private key, in clear: mode 0600", secret=True)


def encrypted_key_file(order: Order, name: str) -> File:
    """Return the private key as a file of its own, encrypted with the kit's password."""
    content = encrypted_pem(load_own_key(order.identity.key_der), order.password.encode())
    return File(name, content, "the private key, encrypted with the kit's password", secret=True)


def pkcs12_file(order: Order, name: str, profile: str = "modern", *, root: bool = True) -> File:
    """Return the key with its chain as a PKCS#12.

    Args:
        order: what the kit is made of.
        name: of the file.
        profile: ``modern`` or ``compat``.
        root: whether the chain's root is in it. Node.js would trust it for the other side.
    """
    identity = order.identity if root else replace(order.identity, certificates=sent_chain(order))
    content = keystores.dump(Keystore((identity,), Format.PKCS12), Format.PKCS12, order.password, profile)
    return File(name, content, "the key with its chain", secret=True)


def sent_chain(order: Order) -> tuple[Certificate, ...]:
    """Return the leaf and its issuers without the root, which whoever verifies has."""
    chain = order.identity.certificates
    return chain[:-1] if len(chain) > 1 and chain[-1].self_signed else chain


def chain_file(order: Order, name: str) -> File:
    """Return the leaf and its intermediates, in the order of the handshake."""
    return File(name, pem_bundle(sent_chain(order)), "the certificate, then its intermediates")


def trust_file(order: Order, name: str, about: str) -> File:
    """Return what is trusted as one PEM file."""
    return File(name, pem_bundle([entry.certificate for entry in order.trusted]), about, trust=True)


def crl_file(order: Order, name: str) -> File:
    """Return the revocation lists as one PEM file."""
    lists = b"".join(pem.encode("X509 CRL", crl.der) for crl in order.crls)
    return File(name, lists, "who is revoked")


def installing(directory: str, files: Iterable[File], owner: str = "root") -> str:
    """Return the commands that put files where a configuration looks for them, secrets for their owner alone."""
    every = tuple(files)
    public = [f"keep/{file.name}" for file in every if not file.secret]
    secret = [f"keep/{file.name}" for file in every if file.secret]
    to = f"sudo install -o {owner} -m"
    lines = [f"sudo install -d -m 0755 {directory}", f"{to} 0644 {' '.join(public)} {directory}/"]
    lines += [f"{to} 0600 {' '.join(secret)} {directory}/"] if secret else []
    return "\n".join(f"   {line}" for line in ("```", *lines, "```"))


def server_handover(order: Order) -> tuple[File, ...]:
    """Return what clients of a server get: the CA to trust, or the certificate itself where it is self-signed."""
    last = order.identity.certificates[-1]
    about = (
        "what clients are to trust"
        if last.self_signed
        else "the highest certificate of the chain that is known"
    )
    return (File("server-ca.pem", last.pem, about),)


def client_handover(order: Order) -> tuple[File, ...]:
    """Return what a server gets of its client: the certificate, and the CAs that issued it."""
    leaf = File("client-certificate.pem", order.leaf.pem, "the certificate that will be shown")
    if not order.issuers:
        return (leaf,)
    return (leaf, File("client-ca.pem", pem_bundle(order.issuers), "the CAs that issued it, to be trusted"))


def client_duties(order: Order) -> str:
    """Return what the clients of a server do, as numbered steps."""
    names = ", ".join(f"`{entry.certificate.subject}`" for entry in order.trusted) or "(no CA was given)"
    return f"""\
1. It trusts `send/server-ca.pem` for this server.
2. It shows a certificate with the purpose clientAuth, and its intermediates, of one of these: {names}."""


def trust_client(order: Order) -> str:
    """Return in words what a server does to let a client in."""
    if order.issuers:
        return "Trust the CA that issued the client certificate: `send/client-ca.pem`."
    return "Trust this very certificate, `send/client-certificate.pem`: nothing that issued it is known."
