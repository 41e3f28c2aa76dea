"""A password in the forms that keystore formats derive keys from, and what makes a password travel badly."""

from __future__ import annotations

from dataclasses import dataclass, replace

from twoway.findings import Finding, Severity

# keytool refuses shorter ones; so does Salesforce.
MIN_JAVA_PASSWORD = 6
# curl splits at a colon, shells and configuration files trip over the others.
AWKWARD = frozenset(":\"'\\$` ")


@dataclass(frozen=True, slots=True, repr=False)
class Password:
    """A password in all its forms.

    Args:
        octets: what PBKDF2 and scrypt take (RFC 8018 section 3): UTF-8, as OpenSSL and BouncyCastle do.
        forms: what PKCS#12's own derivation may have taken, the right form first.
        characters: what Java's own keystores take: UTF-16, big end first, also with half a surrogate pair.
        given: False where there was none, which then reads as the empty one.
        proven: whether a MAC was made with it, so that what does not open with it was closed by an odd program.
    """

    octets: bytes
    forms: tuple[bytes, ...]
    characters: bytes
    given: bool = True
    proven: bool = False

    @property
    def octet_forms(self) -> tuple[bytes, ...]:
        """What PBKDF2 and its like may have taken, the right form first.

        BSAFE took one byte a character. NSS before 3.49 took PKCS#12's own form (Mozilla's bug 1268141): that is
        tried only where the password is proven, as each form costs a derivation.
        """
        forms = [self.octets]
        if not self.octets.isascii():
            forms += [form[1:-2:2] for form in self.forms if not any(form[:-2:2])]
        if self.proven:
            forms += [self.characters + b"\0\0", self.characters]
        return tuple(dict.fromkeys(forms))

    def settled(self, form: bytes) -> Password:
        """Return the password with the one form that proved right."""
        return replace(self, forms=(form,), proven=True)


def as_password(given: bytes | str | None) -> Password:
    """Take a password as it was given; bytes are UTF-8 where they can be, else one character a byte.

    Source: RFC 7292 appendix B.1 (BMPString and two NUL octets). OpenSSL before 1.1 spread single bytes; an empty
    password is either the two NULs or nothing at all.
    """
    octets = _octets(given)
    spread = octets.decode("latin-1").encode("utf-16-be") + b"\0\0"
    characters = _text(octets).encode("utf-16-be", "surrogatepass")
    right = characters + b"\0\0"
    forms = (right, spread) if octets else (right, b"")
    return Password(octets, tuple(dict.fromkeys(forms)), characters, given is not None)


def _octets(given: bytes | str | None) -> bytes:
    if not isinstance(given, str):
        return given or b""
    try:
        return given.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Half a surrogate pair that does not stand for a byte: Java takes it for a character.
        return given.encode("utf-8", "surrogatepass")


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        # A terminal that is not UTF-8: one byte is one character, as keytool would have read it there.
        return octets.decode("latin-1")


def password_advice(given: bytes | str) -> tuple[Finding, ...]:
    """Say what about a password will not work everywhere; nothing is refused for it.

    Source: measured with JDK 17 (``Password is not ASCII`` with AES), keytool (six characters) and curl.
    """
    text = given if isinstance(given, str) else _text(given)
    problems = []
    if any(not "!" <= character <= "~" for character in text):
        problems.append(
            ("it has characters outside printable ASCII", "Java cannot read or write such PKCS#12")
        )
    elif any(character in AWKWARD for character in text):
        problems.append(("it has one of : \" ' \\ $ `", "curl, shells and configuration files misread them"))
    if len(text) < MIN_JAVA_PASSWORD:
        problems.append((f"it has fewer than {MIN_JAVA_PASSWORD} characters", "keytool refuses it"))
    return tuple(password_awkward(problem, consequence) for problem, consequence in problems)


def password_awkward(problem: str, consequence: str) -> Finding:
    """Make the finding about a password that does not travel well."""
    return Finding(
        code="password-awkward",
        severity=Severity.WARNING,
        title=f"the password may not work everywhere: {problem}",
        cause=consequence,
        remedy="choose 12 or more ASCII letters and digits",
        facts={"problem": problem},
    )
