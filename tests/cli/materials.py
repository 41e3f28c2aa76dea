"""Files of every kind, made by openssl and keytool, for the commands that need no realm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.parts import openssl
from tests.parts.credentials import P12, PASSWORD, Pem
from tests.parts.presence import require
from tests.parts.programs import check

SERVER = "extendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\nsubjectAltName=DNS:localhost\n"
KEY_PASSWORD = "another-one"


@dataclass(frozen=True)
class Files:
    """One identity of one CA, in several files.

    Args:
        folder: where they are.
        ca: the CA.
        client: its certificate with the CA's behind it, and its key.
        server: the same for localhost.
        p12: the client's, called ``Orders``.
        password: a file with the password of all of them.
    """

    folder: Path
    ca: Pem
    client: Pem
    server: Pem
    p12: P12
    password: Path


def files(folder: Path) -> Files:
    """Make the files with openssl."""
    ca = openssl.self_signed(folder / "ca", "Root")
    client = openssl.issued(folder / "client", "orders.example.com", ca)
    server = openssl.issued(folder / "server", "localhost", ca, extensions=SERVER)
    password = folder / "password"
    password.write_text(f"{PASSWORD}\n")
    return Files(folder, ca, client, server, openssl.pkcs12(client, "-name", "Orders"), password)


def keytool(*words: str | Path) -> None:
    """Run keytool."""
    require("default-jdk-headless")
    check(["keytool", *words, "-storepass", PASSWORD, "-noprompt"])


def jks(path: Path, *, key_password: str = PASSWORD) -> Path:
    """Make a JKS with a key, as keytool makes one."""
    keytool(
        *("-genkeypair", "-keystore", path, "-storetype", "JKS", "-alias", "mykey", "-keyalg", "EC"),
        *("-dname", "CN=jks", "-keypass", key_password),
    )
    return path


def jceks(path: Path) -> Path:
    """Make a JCEKS with a secret key."""
    keytool(
        "-genseckey",
        "-keystore",
        path,
        "-storetype",
        "JCEKS",
        "-alias",
        "seal",
        "-keyalg",
        "AES",
        "-keysize",
        "128",
    )
    return path


def encrypted_key(files: Files) -> Path:
    """Encrypt the client's key as a file of its own, with its certificate behind it."""
    path = files.folder / "encrypted.pem"
    key = check(
        ["openssl", "pkcs8", "-topk8", "-in", files.client.key, "-passout", f"pass:{PASSWORD}"],
    )
    path.write_bytes(key + files.client.certificate.read_bytes())
    return path
