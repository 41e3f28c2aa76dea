"""curl, with a client certificate as PEM files or as PKCS#12."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.parts.answers import Answer, NoAnswer
from tests.parts.credentials import P12, Pem
from tests.parts.presence import require
from tests.parts.programs import run


def get(
    url: str,
    *,
    ca: Path | None = None,
    identity: Pem | P12 | None = None,
    http2: bool = False,
    options: Iterable[str] = (),
) -> Answer:
    """GET a URL.

    Args:
        ca: a PEM file with what the server's certificate must chain to.
        options: more of curl's own, such as ``--tls-max 1.2`` or ``-H "X-Client-Id: me"``.

    Raises:
        NoAnswer: with curl's status and its message.
    """
    require("curl")
    version = "--http2" if http2 else "--http1.1"
    argv = ["curl", "--silent", "--show-error", "--verbose", "--include", "--max-time", "10", version]
    # The password of a keystore is nobody's business: a configuration on stdin, not an argument.
    secret = b""
    if ca:
        argv += ["--cacert", str(ca)]
    if isinstance(identity, Pem):
        argv += ["--cert", str(identity.certificate), "--key", str(identity.key)]
    elif isinstance(identity, P12):
        argv += ["--cert-type", "P12", "--config", "-"]
        secret = f'cert = "{identity.path}:{identity.password}"\n'.encode()
    finished = run([*argv, *options, url], stdin=secret, timeout=20)
    said = finished.stderr.decode(errors="replace")
    if finished.status:
        message = re.findall(r"^curl: .*", said, re.MULTILINE)
        raise NoAnswer(message[-1] if message else f"curl ended with {finished.status}")
    return _answer(finished.stdout, said)


def _answer(output: bytes, said: str) -> Answer:
    head, body = output.split(b"\r\n\r\n", 1)
    while re.match(rb"HTTP/1\.1 1\d\d ", head):
        head, body = body.split(b"\r\n\r\n", 1)
    first, *lines = head.decode("latin-1").split("\r\n")
    protocol, status = first.split(" ")[:2]
    fields = tuple((name, value.strip()) for name, value in (line.split(":", 1) for line in lines))
    tls = re.search(r"SSL connection using (\S+)", said)
    return Answer(int(status), protocol, tls.group(1) if tls else "", fields, body.decode())
