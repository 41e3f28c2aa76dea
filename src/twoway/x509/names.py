"""Names: written by people, found in certificates, matched by rules, shown on terminals.

What comes out of a certificate is text of whoever made it. It is compared as it stands and shown escaped.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from twoway.errors import NameInvalid, NameRuleTooWide

if TYPE_CHECKING:
    from twoway.x509.certificates import Certificate

# All patterns are ASCII: without that flag, ignoring case takes the Kelvin sign for a k.
_DNS_BYTES = 253  # RFC 1035, 2.3.4, without the length octets
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII | re.IGNORECASE)
# RFC 5321's Mailbox without quoted local parts and address literals, which nobody has in a certificate.
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(\.{_ATOM})*@[a-z0-9.-]{{1,253}}", re.ASCII | re.IGNORECASE)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+", re.ASCII | re.IGNORECASE)
_URI_CHARACTERS = 2048
_WEB_ADDRESS = re.compile(r"https?://[a-z0-9.:\[\]-]+(/[!-~]*)?", re.ASCII | re.IGNORECASE)
_URI_TREE = re.compile(r"[a-z][a-z0-9+.-]*://[^/*?#]+(/[^/*?#]+)*/\*", re.ASCII | re.IGNORECASE)
# Octets that the names of CAs may take in a CertificateRequest. Java refuses handshake messages of more than 32,768
# (jdk.tls.maxHandshakeMessageSize; the rest of this one has about 100); at 65,535 (RFC 8446, 4.2.4) no client could
# shake hands, and nothing would say why.
CA_NAMES_OCTETS = 32_000
_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_EMPTY_TREE = re.compile(r"[a-z][a-z0-9+.-]*:/*\*", re.ASCII | re.IGNORECASE)

SUBJECT_ADVICE = "write it as CN=name,O=organisation, or the common name alone"
RULE_ADVICE = "write it as a kind and a value, such as DNS:*.umbrella.com or URI:spiffe://umbrella/*"


def printable(text: str) -> str:
    r"""Return the text with everything escaped that does not print as itself.

    Control characters, ANSI escapes, bidirectional marks, line separators and lone surrogates become ``\x1b``,
    ``\u202e`` and the like, so that text of a stranger cannot paint over a terminal or a log line.
    """
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def name_text(name: x509.Name) -> str:
    """Return a name as RFC 4514 text, escaped for display; never raises."""
    try:
        return printable(name.rfc4514_string())
    except (ValueError, TypeError):
        return "#" + name.public_bytes().hex()  # RFC 4514, 2.4: what has no string form is shown as its bytes


def general_name_text(name: x509.GeneralName) -> str:
    """Return an alternative name as ``DNS:``, ``URI:``, ``IP:``, ``email:``, ... and its escaped value."""
    match name:
        case x509.DNSName():
            return f"DNS:{printable(name.value)}"
        case x509.UniformResourceIdentifier():
            return f"URI:{printable(name.value)}"
        case x509.RFC822Name():
            return f"email:{printable(name.value)}"
        case x509.IPAddress():
            return f"IP:{name.value}"
        case x509.DirectoryName():
            return f"DirName:{name_text(name.value)}"
        case x509.RegisteredID():
            return f"RID:{name.value.dotted_string}"
        case x509.OtherName():
            return f"otherName:{name.type_id.dotted_string};#{name.value.hex()}"
    return "unknown"


def distinguished_name(text: str) -> x509.Name:
    """Read a subject: ``CN=globex,O=Globex`` (RFC 4514), or plain text, which becomes the common name.

    Raises:
        NameInvalid: it is empty, too long, holds control characters, or is not of that form.
    """
    stripped = text.strip()
    if not stripped:
        raise NameInvalid("subject", "''", "it is empty", SUBJECT_ADVICE)
    if stripped != printable(stripped):
        raise NameInvalid(
            "subject", printable(stripped), "it holds characters that do not print", SUBJECT_ADVICE
        )
    try:
        if "=" in stripped:
            name = x509.Name.from_rfc4514_string(stripped)
        else:
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stripped)])
    except (ValueError, TypeError) as error:
        problem = printable(str(error)) or "it is not RFC 4514 text"
        raise NameInvalid("subject", stripped, problem, SUBJECT_ADVICE) from error
    if not all(isinstance(one.value, str) and one.value.isprintable() and one.value.strip() for one in name):
        raise NameInvalid("subject", stripped, "a part of it is empty or does not print", SUBJECT_ADVICE)
    return name


def subject_alternative_name(text: str) -> x509.GeneralName:
    """Read an alternative name: ``DNS:``, ``IP:``, ``URI:`` or ``email:`` and its value, or the value alone.

    Without a kind an IP address is an IP address, what has ``://`` a URI, what has ``@`` an email address, all
    else a host name.

    Raises:
        NameInvalid: the value does not have the form of its kind.
    """
    kind, value = _kind_and_value(text.strip())
    match kind:
        case "dns":
            _check_host(value)
            return x509.DNSName(value)
        case "ip":
            return x509.IPAddress(_address(value))
        case "uri":
            _check_uri(value)
            return x509.UniformResourceIdentifier(value)
        case _:
            _check_email(value)
            return x509.RFC822Name(value)


def check_general_name(name: x509.GeneralName) -> None:
    """Check an alternative name that did not come through ``subject_alternative_name``, but from a request.

    Raises:
        NameInvalid: it is of another kind than DNS, IP, URI and email, or does not have the form of its kind.
    """
    match name:
        case x509.DNSName():
            _check_host(name.value)
        case x509.UniformResourceIdentifier():
            _check_uri(name.value)
        case x509.RFC822Name():
            _check_email(name.value)
        case x509.IPAddress(value=ipaddress.IPv4Address() | ipaddress.IPv6Address()):
            pass
        case _:
            raise NameInvalid(
                "alternative name", general_name_text(name), "its kind is none that TLS compares"
            )


def check_web_address(url: str) -> None:
    """Check an address that is to be fetched by whoever reads the certificate.

    Raises:
        NameInvalid: it is not http:// or https:// and a host.
    """
    if not _WEB_ADDRESS.fullmatch(url):
        problem = "it is not http:// or https:// and a host"
        raise NameInvalid("address", printable(url), problem, "write it as http://pki.example.com/ca.crl")


def comparable_name(name: x509.Name) -> tuple[frozenset[tuple[str, str | bytes]], ...]:
    """Return a name in the form in which two names are equal if RFC 5280 and OpenSSL say so.

    The type of string is left out, ASCII letters are lowered and spaces are collapsed.

    Source: RFC 5280, 7.1; OpenSSL, x509_name_canon()
    """
    return tuple(
        frozenset((attribute.oid.dotted_string, _folded(attribute.value)) for attribute in rdn)
        for rdn in name.rdns
    )


def ca_names_octets(names: Iterable[bytes]) -> int:
    """Return what these names (DER) take in a CertificateRequest: each is preceded by its length of two octets."""
    return sum(len(name) + 2 for name in names)


@dataclass(frozen=True, slots=True)
class NameRule:
    """Which names of a certificate are the partner's: ``DNS:*.umbrella.com``, ``URI:spiffe://umbrella/*``, ...

    Kinds are ``DNS``, ``URI``, ``email``, ``IP`` and ``CN``. A DNS wildcard stands for exactly one left-most label;
    a URI may end in ``/*``, which stands for one or more further characters; all else is compared whole.
    Host names and the domains of email addresses ignore case, as RFC 4343 and RFC 5321 have it.
    """

    kind: str
    pattern: str

    @classmethod
    def parse(cls, text: str) -> NameRule:
        """Read a rule.

        Raises:
            NameInvalid: it has no kind, or the pattern does not have the form of its kind.
            NameRuleTooWide: it would match names of anybody.
        """
        kind, _, pattern = text.strip().partition(":")
        if kind.lower() not in _RULES:
            raise NameInvalid(
                "name rule",
                printable(text),
                "it does not begin with DNS:, URI:, email:, IP: or CN:",
                RULE_ADVICE,
            )
        kind = _RULES[kind.lower()]
        if set(pattern) <= {"*"} or _EMPTY_TREE.fullmatch(pattern):
            raise NameRuleTooWide(f"{kind}:{pattern}")
        return cls(kind, _checked_pattern(kind, pattern))

    def matches(self, certificate: Certificate) -> bool:
        """Return whether any name of the certificate is one of the rule's.

        Raises:
            CertificateUnreadable: its names cannot be read.
        """
        if self.kind == "CN":
            return [self.pattern] == _common_names(certificate)
        names = certificate.extension(x509.SubjectAlternativeName)
        return names is not None and any(self._matches_name(name) for name in names)

    def overlaps(self, other: NameRule) -> bool:
        """Return whether one name could be both rules'; that a certificate may carry a name of each is not meant."""
        if self.kind != other.kind:
            return False
        ours, theirs = self.pattern, other.pattern
        match self.kind:
            case "DNS":
                # Of two wildcards only the same one fits the same host names.
                return ours == theirs or host_matches(ours, theirs) or host_matches(theirs, ours)
            case "URI":
                return ours == theirs or _uri_tree_has(ours, theirs) or _uri_tree_has(theirs, ours)
        return ours == theirs

    def __str__(self) -> str:
        return f"{self.kind}:{self.pattern}"

    def _matches_name(self, name: x509.GeneralName) -> bool:
        match self.kind, name:
            case "DNS", x509.DNSName():
                return host_matches(self.pattern, name.value)
            case "URI", x509.UniformResourceIdentifier():
                return _uri_matches(self.pattern, name.value)
            case "email", x509.RFC822Name():
                return self.pattern == _folded_email(name.value)
            case "IP", x509.IPAddress():
                return self.pattern == str(name.value)
        return False


_RULES = {"dns": "DNS", "uri": "URI", "email": "email", "ip": "IP", "cn": "CN"}


def _folded(value: str | bytes) -> str | bytes:
    """ASCII letters lowered, spaces at the ends dropped and between words made one."""
    return value if isinstance(value, bytes) else " ".join(value.translate(_LOWER).split())


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _kind_and_value(text: str) -> tuple[str, str]:
    kind, colon, value = text.partition(":")
    if colon and kind.lower() in {"dns", "ip", "uri", "email"}:
        return kind.lower(), value
    if _is_address(text):
        return "ip", text
    if "://" in text:
        return "uri", text
    return ("email" if "@" in text else "dns"), text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _address(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        raise NameInvalid("IP address", printable(value), "it is neither IPv4 nor IPv6") from None


def _check_uri(value: str) -> None:
    if not _URI.fullmatch(value) or len(value) > _URI_CHARACTERS:
        raise NameInvalid(
            "URI", printable(value[:80]), "it is not a scheme and printable ASCII of sane length"
        )


def _check_email(value: str) -> None:
    if not _EMAIL.fullmatch(value):
        raise NameInvalid("email address", printable(value[:80]), "it is not local@domain in ASCII")


def _check_host(value: str) -> None:
    """Check a host name, which may have a wildcard as its first label."""
    if not value.isascii():
        raise NameInvalid("host name", printable(value), "it is not ASCII: write it in its xn-- form")
    if len(value) > _DNS_BYTES:
        raise NameInvalid(
            "host name", value[:64] + "...", f"it has {len(value)} characters, more than {_DNS_BYTES}"
        )
    labels = value.removeprefix("*.").split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise NameInvalid(
            "host name", printable(value), "it is not made of letters, digits, hyphens and dots"
        )


def _checked_pattern(kind: str, pattern: str) -> str:
    match kind:
        case "DNS":
            _check_host(pattern)
            if pattern.startswith("*.") and pattern.count(".") < 2:  # *.com is everybody's
                raise NameRuleTooWide(f"DNS:{pattern}")
            return pattern.lower()
        case "URI":
            if not _URI.fullmatch(pattern) or ("*" in pattern and not _URI_TREE.fullmatch(pattern)):
                raise NameInvalid(
                    "URI rule",
                    printable(pattern),
                    "a * may only stand last, after a / and a host",
                    RULE_ADVICE,
                )
            return pattern
        case "IP":
            return str(_address(pattern))
        case "email":
            _check_email(pattern)
            if "*" in pattern:
                raise NameInvalid("email rule", pattern, "it is not one whole address", RULE_ADVICE)
            return _folded_email(pattern)
        case _:
            if pattern != printable(pattern) or "*" in pattern:
                raise NameInvalid(
                    "CN rule", printable(pattern), "it is not one whole common name", RULE_ADVICE
                )
            return pattern


def host_matches(pattern: str, host: str) -> bool:
    """Return whether a host fits a lower-case pattern, whose ``*.`` stands for one whole label (RFC 9525, 6.3)."""
    if not host.isascii():  # str.lower() would make a k of a Kelvin sign
        return False
    host = host.lower()
    if not pattern.startswith("*."):
        return pattern == host
    label, _, rest = host.partition(".")
    return pattern[2:] == rest and _LABEL.fullmatch(label) is not None


def _uri_matches(pattern: str, uri: str) -> bool:
    if not pattern.endswith("/*"):
        return pattern == uri
    prefix = pattern.removesuffix("*")
    return uri.startswith(prefix) and len(uri) > len(prefix)


def _uri_tree_has(pattern: str, other: str) -> bool:
    """Whether an address, or another tree, lies in a pattern's tree."""
    return pattern.endswith("/*") and other.startswith(pattern.removesuffix("*"))


def _folded_email(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return local + at + (domain.lower() if domain.isascii() else domain)


def _common_names(certificate: Certificate) -> list[str]:
    """Every common name of the subject: a rule wants the one and only, as readers disagree on which of two counts."""
    return [str(name.value) for name in certificate.subject_name.get_attributes_for_oid(NameOID.COMMON_NAME)]
