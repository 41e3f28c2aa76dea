"""Material that other people make with the openssl command, good and bad."""

from __future__ import annotations

from pathlib import Path

from tests.parts.credentials import P12, PASSWORD, Pem
from tests.parts.presence import require
from tests.parts.programs import check

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
CLIENT = "extendedKeyUsage=clientAuth\nkeyUsage=critical,digitalSignature\n"


def self_signed(stem: Path, subject: str, *options: str) -> Pem:
    """Make what ``openssl req -x509`` makes when nothing else is said: a CA:TRUE leaf with no usages.

    Args:
        options: more of ``openssl req``, such as ``-newkey rsa:2048``, ``-sha1``, ``-addext name=value``.
    """
    require("openssl")
    files = Pem(stem.with_suffix(".pem"), stem.with_suffix(".key"))
    new_key = () if "-newkey" in options else EC
    output = ("-keyout", files.key, "-out", files.certificate)
    check(["openssl", "req", "-x509", "-nodes", "-subj", f"/CN={subject}", *new_key, *options, *output])
    return files


def issued(stem: Path, subject: str, by: Pem, *options: str, extensions: str = CLIENT) -> Pem:
    """Issue with ``openssl x509 -req``; without extensions it is a version 1 certificate.

    Args:
        by: a CA, such as ``self_signed`` makes; it is put behind the leaf in the file.
        options: more of ``openssl x509``, such as ``-sha1``, ``-days 1``.
    """
    require("openssl")
    files = Pem(stem.with_suffix(".pem"), stem.with_suffix(".key"))
    request = check(
        ["openssl", "req", "-new", "-nodes", *EC, "-subj", f"/CN={subject}", "-keyout", files.key]
    )
    signer: list[str | Path] = ["-CA", by.certificate, "-CAkey", by.key]
    if extensions:
        listed = stem.with_suffix(".ext")
        listed.write_text(extensions)
        signer += ["-extfile", listed]
    leaf = check(["openssl", "x509", "-req", *signer, *options], stdin=request)
    files.certificate.write_bytes(leaf + by.certificate.read_bytes())
    return files


def pkcs12(files: Pem, *options: str) -> P12:
    """Pack PEM files with ``openssl pkcs12 -export``; ``-legacy`` among the options gives the old ciphers."""
    require("openssl")
    path = files.certificate.with_suffix(".p12")
    source = ("-in", files.certificate, "-inkey", files.key, "-out", path)
    check(["openssl", "pkcs12", "-export", *options, *source, "-passout", "stdin"], stdin=PASSWORD.encode())
    return P12(path)
