"""What all that runs on Java has in common: PKCS#12 keystores, truststores that Java sees, and their traps. Pure.

Source: OpenJDK 17's ``PKCS12KeyStore`` and ``SunX509`` by experiment (tests/interop/platforms); for older Javas the
release notes of 8u301, 11.0.12 and 16 (JDK-8153005).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from twoway import keystores
from twoway.errors import UsageError
from twoway.findings import Finding, Severity
from twoway.keystores.model import Format, Keystore
from twoway.platforms.order import Order
from twoway.platforms.platform import AliasRule, Failure, File, Setting
from twoway.platforms.presented import Presented

# Java reads RC2 too; it is the others that do not.
READ_BY_JAVA = ("modern", "compat", "mixed", "legacy")
FORMATS = (Format.PKCS12, Format.JKS)

ALIAS = AliasRule(
    re.compile(r"[^\x00-\x1f\x7f]+"), "printable characters", why="it stands in a line of configuration"
)

# Javas before 8u301 and 11.0.12 read triple DES alone. Source: release notes, JDK-8153005
OLD_JAVAS = ("8", "11")
JAVA = Setting("java", "the Java that reads the files: 8, 11, or 17 and later", "17", re.compile("8|11|17"))

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")


def profile(order: Order) -> str:
    """Return the profile of PKCS#12 that every update of the order's Java reads."""
    return "compat" if order.settings.get("java") in OLD_JAVAS else "modern"


def keystore(order: Order, name: str) -> File:
    """Return the identity as a PKCS#12 of its own."""
    store = Keystore((order.identity,), Format.PKCS12)
    content = keystores.dump(store, Format.PKCS12, order.password, profile(order))
    return File(name, content, f"the key {order.alias} with its chain", secret=True)


def truststore(order: Order, name: str) -> tuple[File, ...]:
    """Return what the order trusts as a PKCS#12 in which Java sees it; nothing where it trusts nobody by name."""
    if not order.trusted:
        return ()
    chosen = profile(order)
    content = keystores.dump(
        Keystore(order.trusted, Format.PKCS12),
        Format.PKCS12,
        order.password,
        "java-trust" if chosen == "modern" else chosen,
    )
    return (File(name, content, "whom to trust: no key is in it", trust=True),)


def plain(text: str, what: str) -> str:
    """Return text that can stand in configuration.

    Raises:
        UsageError: it has control characters, which no escape makes harmless everywhere.
    """
    if _CONTROL.search(text):
        raise UsageError(f"{what} {text!r} has control characters", "give another one")
    return text


def attribute(text: str, what: str) -> str:
    """Return text as an attribute's value in XML, with its quotes.

    Raises:
        UsageError: it has control characters.
    """
    return quoteattr(plain(text, what))


def element_text(text: str, what: str) -> str:
    """Return text as the content of an element in XML.

    Raises:
        UsageError: it has control characters.
    """
    return escape(plain(text, what))


def literal(text: str, what: str) -> str:
    """Return text as a string literal of Java, with its quotes, in ASCII.

    Raises:
        UsageError: it has control characters.
    """
    units = plain(text, what).encode("utf-16-be")
    return f'"{"".join(_letter(int.from_bytes(units[at : at + 2])) for at in range(0, len(units), 2))}"'


def _letter(unit: int) -> str:
    # A Unicode escape is translated before the literal is read, so that these two need an escape of the literal's.
    if chr(unit) in '"\\':
        return f"\\{chr(unit)}"
    return chr(unit) if unit < 127 else f"\\u{unit:04x}"


def sees_trust(file: Presented) -> Iterator[Finding]:
    """Java sees the certificates of a truststore as trusted."""
    blind = [one for one in file.keystore.noticed if one.code == "certificates-not-java-trusted"]
    if file.keystore.format is not Format.PKCS12 or not (blind or not file.keystore.trusted):
        return
    yield Finding(
        "truststore-empty-to-java",
        Severity.ERROR,
        f"Java sees no trusted certificate in {file.name}",
        "openssl pkcs12 -export -nokeys writes no mark of trust, and Java counts only certificates that have it:"
        " the trustAnchors parameter must be non-empty",
        f"twoway convert {file.name} --to pkcs12 --profile java-trust",
        facts={"file": file.name, "trusted": len(file.keystore.trusted)},
    )


def readable_elsewhere(file: Presented) -> Iterator[Finding]:
    """A PKCS#12 is not encrypted with RC2, which Java reads and hardly anybody else."""
    if file.profile == "legacy":
        yield Finding(
            "pkcs12-rc2",
            Severity.WARNING,
            f"{file.name} is encrypted with RC2: Java reads it, OpenSSL 3, Node.js and curl do not",
            "OpenSSL 1, Java 15 and earlier, and openssl -legacy write it so",
            f"twoway convert {file.name} --to pkcs12",
            facts={"file": file.name},
        )


def readable_by_old_java(file: Presented) -> Iterator[Finding]:
    """A PKCS#12 for an old Java is not encrypted with AES. Known by document alone: a warning."""
    java = file.settings.get("java", "")
    if java in OLD_JAVAS and file.profile == "modern":
        least = {"8": "8u301", "11": "11.0.12"}[java]
        yield Finding(
            "pkcs12-needs-newer-java",
            Severity.WARNING,
            f"{file.name} is encrypted with AES, which Java {java} reads from {least} on",
            "before that Java knew triple DES and RC2 alone: Algorithm HmacPBESHA256 not available",
            f"twoway convert {file.name} --to pkcs12 --profile compat, or update that Java",
            facts={"file": file.name, "java": java, "least": least, "source": "JDK-8153005"},
        )


IDENTITY_CHECKS = (readable_elsewhere, readable_by_old_java)
TRUST_CHECKS = (sees_trust, readable_elsewhere, readable_by_old_java)


# What Java says, wherever it is built in. Source: facts by experiment on OpenJDK 17.
FAILURES = (
    Failure(
        "Received fatal alert: certificate_required",
        "no certificate was sent: none is configured, or the server names other CAs than this chain's",
        "run with -Djavax.net.debug=ssl:handshake: No X.509 cert selected says that it was the names",
    ),
    Failure(
        "Received fatal alert: bad_certificate",
        "a server that runs on Java or Go got no certificate, for the same two reasons",
        "as above",
    ),
    Failure(
        "Received fatal alert: certificate_unknown",
        "a server that runs on Java does not trust the certificate, whatever the reason",
        "its log has the reason: PKIX path building failed, or a date, or a purpose",
    ),
    Failure(
        "Broken pipe, Connection reset, header parser received no bytes, Remote host terminated the handshake",
        "the server refused the certificate and closed before Java read why",
        "twoway doctor URL --identity FILE shows the alert",
    ),
    Failure(
        "PKIX path building failed: unable to find valid certification path to requested target",
        "the other side's issuer is not in the truststore, or that side sends its leaf alone",
        "make the kit anew with --trust and its CA; or have it send its intermediates",
    ),
    Failure(
        "the trustAnchors parameter must be non-empty",
        "the truststore was not found, its password is missing, or Java sees no certificate in it as trusted",
        "use the kit's truststore.p12, with its password",
    ),
    Failure(
        "keystore password was incorrect",
        "the password is another one, or has other characters than printable ASCII",
        "give the password that was shown when the kit was made",
    ),
    Failure(
        "Algorithm HmacPBESHA256 not available",
        "this Java is older than 8u301 or 11.0.12 and cannot read AES files",
        "make the kit with --set java=8",
    ),
    Failure(
        "No subject alternative DNS name matching",
        "the server's certificate is for another name than the one that was called",
        "call it by a name of its certificate, or have that issued anew",
    ),
)
