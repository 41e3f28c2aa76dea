"""The words in which a platform says what it accepts and how a kit for it is made. Pure, data first.

A platform is one file: a ``Platform`` with one ``Use`` for each way in which it takes part in a link. What a file must
be like is data (``Accepts``), which ``preflight`` holds a file against; what no data can say is a small check of the
use's own. What a kit holds is made by the use's ``render``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from twoway.findings import Finding
from twoway.keystores.model import Format
from twoway.x509.purposes import Purpose

if TYPE_CHECKING:
    from twoway.platforms.order import Order
    from twoway.platforms.presented import Presented

# Every key that this software makes or meets in the field, by the names of ``x509.keys``.
ANY_KEY = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ec-p521", "ed25519")
RSA = ("rsa-2048", "rsa-3072", "rsa-4096")


class Root(StrEnum):
    """Whether the chain of an identity goes up to its root."""

    IN = "in"
    OUT = "out"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Proven:
    """A real consumer loaded the platform's kit in a test.

    Args:
        by: which one, such as ``Debian's tomcat10 in tests/interop/test_tomcat.py``.
    """

    by: str


@dataclass(frozen=True, slots=True)
class ByDocument:
    """Known from the vendor's pages alone: its rules only warn.

    Args:
        source: the page.
        read: when.
    """

    source: str
    read: date


@dataclass(frozen=True, slots=True)
class AliasRule:
    """What an entry may be called.

    Args:
        pattern: the whole name has to match it.
        words: the same in words, as the remedy says it.
        longest: characters; None where no limit is known.
        lower: Java's keystores have every alias in lower case, and whoever compares must write it so.
        why: what the platform does with the name.
    """

    pattern: re.Pattern[str]
    words: str
    longest: int | None = None
    lower: bool = False
    why: str = "the platform makes a name of its own of it"


@dataclass(frozen=True, slots=True)
class PasswordRule:
    """What a password may be like.

    Args:
        least: characters. Source: keytool refuses fewer than 6.
        same_for_key: the key's own must be the store's.
    """

    least: int = 6
    same_for_key: bool = True


@dataclass(frozen=True, slots=True)
class Accepts:
    """What a file must be like for one use of a platform.

    Args:
        formats: that are read; the first one is written.
        source: where these rules are from: a vendor's page or the experiment.
        purpose: what the leaf's certificate must be good for; None: the file holds no identity.
        keys: key types, by the names of ``x509.keys``.
        root: whether the chain must have its root.
        profiles: of PKCS#12 that are read; the first one is written.
        alias: what an identity may be called; None: anything.
        password: None: the file has none.
        one_identity: a second one is in the way.
        trusted: whether trusted certificates may lie beside the identity.
        trust_apart: whom to trust may lie in a file of its own; if not, a file without a key lacks it.
        octets: how large the file may be; None where no limit is known.
        trust_formats: of a file that says whom to trust, where it is in others.
        signs_only: the key signs something and takes part in no handshake: purposes and issuers do not matter.
    """

    formats: tuple[Format, ...]
    source: str
    purpose: Purpose | None = Purpose.CLIENT
    keys: tuple[str, ...] = ANY_KEY
    root: Root = Root.EITHER
    profiles: tuple[str, ...] = ("modern",)
    alias: AliasRule | None = None
    password: PasswordRule | None = PasswordRule()
    one_identity: bool = True
    trusted: bool = True
    trust_apart: bool = True
    octets: int | None = None
    trust_formats: tuple[Format, ...] = ()
    signs_only: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that a kit wants to know beside keys and certificates.

    Args:
        name: as ``--set NAME=VALUE`` has it.
        about: what it is, for the help.
        default: what is taken if nobody says; None: a place holder is written, and the steps say so.
        pattern: the whole value has to match it.
    """

    name: str
    about: str
    default: str | None = None
    pattern: re.Pattern[str] = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that the platform gives, and what it means.

    Args:
        says: the text, or the part of it that never changes.
        means: the cause, one sentence.
        remedy: one command or one edit.
    """

    says: str
    means: str
    remedy: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of a kit.

    Args:
        name: within its half of the kit, such as ``partner.jks``.
        content: its bytes.
        about: what it is for, a few words.
        secret: it holds a private key or a password: mode 0600, and never in the half that is sent.
        trust: it says whom to trust: the preflight looks at it as at a truststore.
    """

    name: str
    content: bytes
    about: str
    secret: bool = False
    trust: bool = False

    def __repr__(self) -> str:
        return f"File({self.name!r}, {len(self.content)} bytes)"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a use makes of an order.

    Args:
        keep: what stays with us.
        send: what the other side must get; never a secret.
        steps: what each side does and how to see that it works, in the words of the platform's own user interface:
            Markdown, sections of the second level.
        notes: what was decided on the way and is worth knowing.
    """

    keep: tuple[File, ...]
    send: tuple[File, ...]
    steps: str
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """One way in which a platform takes part in a link.

    Args:
        name: as ``--use`` has it.
        title: what happens then, a few words.
        accepts: what its file must be like.
        render: makes the kit.
        settings: what it wants to know besides.
        checks: what no data can say of the file with the identity.
        trust_checks: the same of the file that says whom to trust.
    """

    name: str
    title: str
    accepts: Accepts
    render: Callable[[Order], Rendered]
    settings: tuple[Setting, ...] = ()
    checks: tuple[Callable[[Presented], Iterable[Finding]], ...] = ()
    trust_checks: tuple[Callable[[Presented], Iterable[Finding]], ...] = ()

    def for_trust(self) -> Use:
        """Return the use as it looks at a file that says whom to trust."""
        formats = self.accepts.trust_formats or self.accepts.formats
        accepts = replace(self.accepts, purpose=None, alias=None, formats=formats)
        return replace(self, accepts=accepts, checks=self.trust_checks)


@dataclass(frozen=True, slots=True)
class Platform:
    """A product that takes part in links.

    Args:
        name: as ``--for`` has it.
        title: its own name.
        versions: which ones this is about.
        proof: whether a real one took its kit, or documents are all there is.
        uses: the ways in which it takes part; the first one is meant if nobody says.
        failures: the messages that it gives.
    """

    name: str
    title: str
    versions: str
    proof: Proven | ByDocument
    uses: tuple[Use, ...]
    failures: tuple[Failure, ...] = ()
