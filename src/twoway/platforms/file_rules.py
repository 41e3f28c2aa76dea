"""What a file must be like whatever its certificates are: format, size, encryption, entries, names, passwords. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from twoway.findings import Finding, Severity
from twoway.keystores.model import Format
from twoway.platforms.platform import Accepts
from twoway.platforms.presented import Presented

# What a file's name promises, where it promises anything.
SUFFIXES: Mapping[str, Format] = MappingProxyType(
    {
        ".jks": Format.JKS,
        ".jceks": Format.JCEKS,
        ".p12": Format.PKCS12,
        ".pfx": Format.PKCS12,
        ".pem": Format.PEM,
        ".der": Format.DER,
    }
)

_TITLES = {
    Format.JKS: "a JKS",
    Format.JCEKS: "a JCEKS",
    Format.PKCS12: "a PKCS#12",
    Format.PEM: "PEM",
    Format.DER: "DER",
}


def file_format(file: Presented, accepts: Accepts) -> Iterator[Finding]:
    """The file is in a format that the platform reads, and its name does not say otherwise."""
    really = file.keystore.format
    if really not in accepts.formats:
        yield Finding(
            "platform-format-refused",
            Severity.ERROR,
            f"{file.name} is {_titled(really)}, and this takes {either([_titled(one) for one in accepts.formats])}",
            "the platform goes by the file's bytes, not by its name",
            f"twoway convert {file.name} --to {accepts.formats[0]}",
            facts={"file": file.name, "format": really, "accepted": [str(one) for one in accepts.formats]},
        )
    suffix = "." + file.name.rpartition(".")[2].lower()
    promised = SUFFIXES.get(suffix)
    if promised and promised is not really and {promised, really} != {Format.PEM, Format.DER}:
        yield Finding(
            "file-name-misleading",
            Severity.WARNING,
            f"{file.name} is {_titled(really)}, whatever its name says",
            "keytool of Java 9 and later writes PKCS#12 unless it is told -storetype JKS",
            f"rename it, or twoway convert {file.name} --to {promised}",
            facts={"file": file.name, "format": really},
        )


def size(file: Presented, accepts: Accepts) -> Iterator[Finding]:
    """The file is not larger than the platform takes."""
    if accepts.octets is not None and file.octets > accepts.octets:
        yield Finding(
            "platform-file-too-large",
            Severity.ERROR,
            f"{file.name} has {file.octets} bytes, and {accepts.octets} are the most",
            "the platform limits what can be uploaded",
            "leave out what the link does not need: other entries, roots",
            facts={"file": file.name, "octets": file.octets, "most": accepts.octets},
        )


def encryption(file: Presented, accepts: Accepts) -> Iterator[Finding]:
    """A PKCS#12 is encrypted in a way that the platform reads."""
    if file.keystore.format is not Format.PKCS12 or file.profile is None or file.profile in accepts.profiles:
        return
    yield Finding(
        "pkcs12-encryption-unread",
        Severity.ERROR,
        f"{file.name} is encrypted as {file.profile}, which this cannot read",
        "PKCS#12 files are written with RC2, triple DES or AES, and no consumer reads all of them",
        f"twoway convert {file.name} --to pkcs12 --profile {accepts.profiles[0]}",
        facts={"file": file.name, "profile": file.profile, "read": list(accepts.profiles)},
    )


def entries(file: Presented, accepts: Accepts) -> Iterator[Finding]:
    """The file holds what it is for, and nothing that is in the way."""
    if accepts.purpose is None:
        if file.keystore.identities:
            yield Finding(
                "truststore-with-key",
                Severity.ERROR,
                f"{file.name} is to say what is trusted, and holds a private key",
                "it was made with keytool -genkey, or the wrong file was taken",
                f"twoway convert {file.name} --certificates-only",
                facts={"file": file.name},
            )
        return
    if not file.identities and not any(entry.certificates for entry in file.keystore.locked):
        yield Finding(
            "identity-missing",
            Severity.ERROR,
            f"{file.name} has no private key with a certificate",
            "it holds trusted certificates alone, or the key and the certificate are apart",
            "make it of both: twoway kit PLATFORM --key FILE --certificate FILE",
            facts={"file": file.name, "entries": len(file.keystore.entries)},
        )
    elif accepts.one_identity and len(file.identities) > 1:
        aliases = [entry.alias for entry in file.identities]
        yield Finding(
            "identities-several",
            Severity.WARNING,
            f"{file.name} has {len(aliases)} identities, and the platform takes one of them",
            "which one it takes is not said",
            f"twoway convert {file.name} --only ALIAS",
            facts={"file": file.name, "aliases": aliases[:10]},
        )
    if not accepts.trusted and file.keystore.trusted:
        yield Finding(
            "trusted-entries-unread",
            Severity.WARNING,
            f"the trusted certificates in {file.name} are not read there",
            "this file is for the identity alone",
            "install what is to be trusted where the platform keeps it",
            facts={"file": file.name, "trusted": len(file.keystore.trusted)},
        )


def aliases(file: Presented, accepts: Accepts) -> Iterator[Finding]:
    """The identity is called something that the platform takes."""
    rule = accepts.alias
    for entry in file.identities if rule else ():
        assert rule is not None  # noqa: S101  the line above says so
        long = rule.longest is not None and len(entry.alias) > rule.longest
        if rule.pattern.fullmatch(entry.alias) and not long:
            continue
        limit = f", at most {rule.longest} characters" if rule.longest else ""
        yield Finding(
            "alias-refused",
            Severity.ERROR,
            f"the alias {entry.alias!r} is not taken: {rule.words}{limit}",
            rule.why,
            f"twoway convert {file.name} --rename {entry.alias}=my_cert",
            facts={"file": file.name, "alias": entry.alias},
        )


def passwords(file: Presented, accepts: Accepts) -> Iterator[Finding]:
    """One password opens the file and its key, and every tool takes it."""
    rule = accepts.password
    if rule and rule.same_for_key and (file.keystore.locked or file.key_password):
        keyed = file.keystore.locked or file.identities
        yield Finding(
            "key-password-differs",
            Severity.ERROR,
            f"a key in {file.name} has another password than the file",
            "the platform asks for one password and opens both with it",
            f"twoway convert {file.name} --to {accepts.formats[0]} --key-password-file FILE",
            facts={"file": file.name, "aliases": [entry.alias for entry in keyed][:10]},
        )
    if rule is None or file.password is None:
        return
    usable = all(33 <= ord(character) <= 126 for character in file.password)
    if len(file.password) < rule.least or not usable:
        yield Finding(
            "password-refused",
            Severity.ERROR if len(file.password) < rule.least else Severity.WARNING,
            f"the password of {file.name} is not one that every tool takes",
            f"keytool wants {rule.least} characters, and Java opens PKCS#12 with printable ASCII only",
            f"give one of {rule.least} or more letters and digits (--out-password-file)",
            facts={"file": file.name, "least": rule.least},
        )


def either(words: list[str]) -> str:
    """Spell out a choice."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _titled(format_: Format) -> str:
    return _TITLES[format_]


# What shows without a password.
OUTSIDE = (file_format, size, encryption)
RULES = (*OUTSIDE, entries, aliases, passwords)
