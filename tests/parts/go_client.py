"""Go's net/http, with a client certificate as PEM files."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.parts.answers import Answer, NoAnswer
from tests.parts.credentials import Pem
from tests.parts.presence import require
from tests.parts.programs import check

SOURCE = Path(__file__).parent / "go/client.go"


@dataclass(frozen=True)
class GoAnswer(Answer):
    """An answer, and what happened to the client certificate.

    Args:
        acceptable_cas: the names that the server said it accepts.
        sent: whether Go sent the certificate; it does not when no issuer of it is among the names.
    """

    acceptable_cas: tuple[str, ...] = ()
    sent: bool = False


def get(url: str, *, ca: Path, identity: Pem | None = None) -> GoAnswer:
    """GET a URL.

    Raises:
        NoAnswer: with Go's message.
    """
    ask = {"URL": url, "CA": str(ca)}
    if identity:
        ask |= {"Certificate": str(identity.certificate), "Key": str(identity.key)}
    said = json.loads(check([_program()], stdin=json.dumps(ask).encode()))
    if "error" in said:
        raise NoAnswer(said["error"])
    said["headers"] = tuple((name, value) for name, value in said["headers"])
    said["acceptable_cas"] = tuple(said["acceptable_cas"])
    return GoAnswer(**said)


@cache
def _program() -> Path:
    """Build the client once, from the standard library alone; what Go compiled before is kept in its cache."""
    require("golang-go")
    directory = Path(tempfile.mkdtemp(prefix="twoway-go-"))
    atexit.register(shutil.rmtree, directory)
    # No modules: nothing is looked for in the network.
    offline = {"GO111MODULE": "off", "GOPROXY": "off"}
    check(["go", "build", "-o", directory / "client", SOURCE], env=offline, timeout=100)
    return directory / "client"
