"""What is special to keystores of Java, Mule and AEM."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.parts import material as parts
from tests.parts.presence import require
from tests.parts.programs import check
from tests.platforms.material import (
    AT,
    PASSWORD,
    chain,
    client,
    entry,
    ours,
    root,
)
from twoway import keystores
from twoway.errors import UsageError
from twoway.findings import Severity
from twoway.keystores.model import Format, IdentityEntry, Keystore, TrustedEntry
from twoway.keystores.pkcs12_profile import profile_of
from twoway.platforms import aem, java, java_stores, jetty, mulesoft, tomcat
from twoway.platforms.platform import Platform
from twoway.platforms.preflight import preflight
from twoway.platforms.presented import Presented, with_chain
from twoway.x509.certificates import pem_bundle

HOLDER = client()
LEAF, ISSUING, ROOT = chain(HOLDER)
SERVER = client(usage=[parts.SERVER])


def loaded(name: str, content: bytes, password: str | None = PASSWORD, **settings: str) -> Presented:
    """A file as the preflight is handed it."""
    keystore = keystores.load(content, password)
    profile = profile_of(content) if keystore.format is Format.PKCS12 else None
    return Presented(name, len(content), keystore, AT, password, profile, content, settings)


def found(platform: Platform, file: Presented, use: int = 0) -> dict[str, Severity]:
    """What is said of a file with an identity."""
    return {one.code: one.severity for one in preflight(platform, platform.uses[use], file)}


def found_of_trust(platform: Platform, file: Presented, use: int = 0) -> dict[str, Severity]:
    """What is said of a truststore."""
    return {one.code: one.severity for one in preflight(platform, platform.uses[use].for_trust(), file)}


def p12(*entries: IdentityEntry | TrustedEntry, profile: str = "modern") -> bytes:
    """A PKCS#12 of the product's own."""
    return keystores.dump(Keystore(entries, Format.PKCS12), Format.PKCS12, PASSWORD, profile)


@pytest.mark.parametrize("platform", [java.PLATFORM, mulesoft.PLATFORM])
@pytest.mark.parametrize("profile", ["modern", "compat"])
def test_own_keystore_has_no_findings(platform: Platform, profile: str) -> None:
    """Nobody is told what is right."""
    assert {} == found(platform, loaded("client.p12", p12(entry(HOLDER), profile=profile)))


@pytest.mark.parametrize("platform", [tomcat.PLATFORM, jetty.PLATFORM])
def test_own_keystore_of_a_server_has_no_findings(platform: Platform) -> None:
    """The same for those who are called."""
    assert {} == found(platform, loaded("server.p12", p12(entry(SERVER))))


def test_alias_in_upper_case_is_found_where_letters_are_compared() -> None:
    """Mule compares case and all; Java itself does not."""
    file = loaded("client.p12", p12(entry(HOLDER, "MyCert")))
    assert {"alias-refused": Severity.WARNING} == found(mulesoft.PLATFORM, file)
    assert {} == found(java.PLATFORM, file)


def test_key_with_a_password_of_its_own_is_found() -> None:
    """One password is asked for, and Mule and Java open both with it."""
    content = keystores.dump(
        Keystore((entry(HOLDER),), Format.JKS), Format.JKS, PASSWORD, key_passwords={"acme": "another-one"}
    )
    for platform in (java.PLATFORM, mulesoft.PLATFORM):
        assert "key-password-differs" in found(platform, loaded("a.jks", content))


@pytest.mark.parametrize("platform", [java.PLATFORM, mulesoft.PLATFORM, tomcat.PLATFORM, jetty.PLATFORM])
def test_truststore_with_a_private_key_is_an_error(platform: Platform) -> None:
    """As keytool -genkey makes one in the article that people follow."""
    file = loaded("truststore.p12", p12(entry(HOLDER), TrustedEntry("ca", ours(root().leaf))))
    assert Severity.ERROR is found_of_trust(platform, file)["truststore-with-key"]


def test_truststore_of_openssl_is_empty_to_java(tmp_path: Path) -> None:
    """Openssl 3.0 knows no mark of trust."""
    require("openssl")
    (tmp_path / "ca.pem").write_bytes(pem_bundle([ROOT]))
    argv = [
        "openssl",
        "pkcs12",
        "-export",
        "-nokeys",
        "-in",
        str(tmp_path / "ca.pem"),
        "-passout",
        f"pass:{PASSWORD}",
    ]
    file = loaded("trust.p12", check(argv))
    assert Severity.ERROR is found_of_trust(java.PLATFORM, file)["truststore-empty-to-java"]
    assert Severity.WARNING is found_of_trust(mulesoft.PLATFORM, file)["truststore-empty-to-java"]


def test_own_truststore_has_no_findings() -> None:
    """Each certificate carries the mark."""
    file = loaded("trust.p12", p12(TrustedEntry("ca", ROOT), profile="java-trust"))
    assert {} == found_of_trust(java.PLATFORM, file)


def test_jks_that_is_a_pkcs12_is_said_to_be_one() -> None:
    """By its bytes: both are read, but the type in the configuration has to be the right one."""
    assert {"file-name-misleading"} == set(found(java.PLATFORM, loaded("a.jks", p12(entry(HOLDER)))))


def test_rc2_is_read_and_yet_a_warning(tmp_path: Path) -> None:
    """Java reads it; who takes the same file to OpenSSL, Node.js or Postman does not."""
    require("openssl")
    files = HOLDER.pem(tmp_path)
    argv: list[str | Path] = [
        "openssl",
        "pkcs12",
        "-export",
        "-legacy",
        "-name",
        "acme",
        "-passout",
        f"pass:{PASSWORD}",
    ]
    content = check([*argv, "-in", files.certificate, "-inkey", files.key])
    assert {"pkcs12-rc2": Severity.WARNING} == found(java.PLATFORM, loaded("a.p12", content))


@pytest.mark.parametrize(
    ("version", "expected"),
    [("8", {"pkcs12-needs-newer-java"}), ("11", {"pkcs12-needs-newer-java"}), ("17", set())],
)
def test_aes_is_a_warning_for_old_javas(version: str, expected: set[str]) -> None:
    """Known from release notes: updates before 8u301 and 11.0.12 cannot read it."""
    file = loaded("a.p12", p12(entry(HOLDER)), java=version)
    assert expected == set(found(java.PLATFORM, file))


def test_entries_that_mule_drops_are_found() -> None:
    """A key store of Mule holds the identity alone."""
    file = loaded("a.p12", p12(entry(HOLDER), TrustedEntry("ca", ours(parts.root("Other").leaf))))
    assert {"keystore-entries-dropped"} == set(found(mulesoft.PLATFORM, file))


def der_key(format_: PrivateFormat, password: bytes | None = None) -> bytes:
    """The key in DER."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return HOLDER.key.private_bytes(Encoding.DER, format_, encryption)


@pytest.mark.parametrize(
    ("content", "written"),
    [
        (der_key(PrivateFormat.TraditionalOpenSSL), "PKCS#1"),
        (der_key(PrivateFormat.PKCS8, PASSWORD.encode()), "encrypted"),
        (HOLDER.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "PEM"),
    ],
    ids=["pkcs1", "encrypted", "pem"],
)
def test_key_that_aem_cannot_read_is_found(content: bytes, written: str) -> None:
    """Its form says no more than that DER is expected."""
    chain_file = loaded("chain.pem", pem_bundle(chain(HOLDER)), None)
    file = with_chain(loaded("key.der", content), chain_file)
    (finding,) = preflight(aem.PLATFORM, aem.PLATFORM.uses[0], file)
    assert ("aem-key-not-plain-der", written) == (finding.code, finding.facts["written"])


def test_plain_der_key_with_its_chain_has_no_findings() -> None:
    """What the kit makes."""
    chain_file = loaded("chain.pem", pem_bundle(chain(HOLDER)), None)
    assert {} == found(aem.PLATFORM, with_chain(loaded("key.der", der_key(PrivateFormat.PKCS8)), chain_file))


def test_chain_files_in_another_order_are_found() -> None:
    """Java takes them, and the call fails."""
    chain_file = loaded("chain.pem", pem_bundle([LEAF, ROOT, ISSUING]), None)
    file = with_chain(loaded("key.der", der_key(PrivateFormat.PKCS8)), chain_file)
    assert {"chain-out-of-order": Severity.ERROR} == found(aem.PLATFORM, file)


def test_modern_pkcs12_is_a_warning_for_aem() -> None:
    """Adobe prescribes triple DES."""
    file = loaded("aem.p12", p12(entry(HOLDER)))
    assert {"pkcs12-encryption-unread": Severity.WARNING} == found(aem.PLATFORM, file)


def test_several_certificates_in_a_file_for_the_trust_store_are_found() -> None:
    """AEM takes one an upload."""
    file = loaded("trust.pem", pem_bundle([ROOT, ISSUING]), None)
    assert {"aem-certificates-several": Severity.WARNING} == found_of_trust(aem.PLATFORM, file)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\\u0022", '"\\\\u0022"'),
        ("é😀", '"\\u00e9\\ud83d\\ude00"'),
    ],
)
def test_java_literals_hold_any_text(text: str, literal: str) -> None:
    """A quote ends no literal, and neither does a Unicode escape of one."""
    assert literal == java_stores.literal(text, "it")


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "a\x7f", "a\u2028b"])
def test_control_characters_are_refused(text: str) -> None:
    """No escape makes them harmless everywhere."""
    for written in (java_stores.literal, java_stores.attribute, java_stores.element_text):
        with pytest.raises(UsageError):
            written(text, "it")
