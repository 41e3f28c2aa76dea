"""Salesforce: the JKS of its callouts as keytool and Java see it, and the certificate of its JWT bearer flow.

Salesforce itself cannot be had; what it runs on can: its callouts are made by Java, with the imported JKS.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.platforms.kitchen import PASSWORD, Kit, kit
from tests.parts import java_client, presence, tls
from tests.parts.answers import NoAnswer
from tests.parts.credentials import P12, Pem, truststore
from tests.parts.nginx import nginx
from tests.parts.programs import check
from tests.parts.upstream import upstream
from twoway.x509.certificates import load_certificates

LEAF = (
    "keyUsage=critical,digitalSignature\nextendedKeyUsage={}Auth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
)
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
JKS_MAGIC = "feedfeed"
PAGE = Path(__file__).parents[3] / "docs/salesforce.md"


@dataclass(frozen=True)
class HandedOver:
    """What the team has in its hands, and the server that it wants to call.

    ``SYSCA.pem`` and ``ROOTCA.crt`` issued the identity in ``ours``, and only the server in ``theirs``. The server has
    the same issuers in both.
    """

    ours: Path
    theirs: Path
    server: Pem


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> HandedOver:
    """PEM files as openssl makes them; the root in DER, as files named .crt often are."""
    presence.require("openssl", "default-jdk-headless", "nginx-light")
    files = tmp_path_factory.mktemp("pki")
    root = _issued(files, "ROOTCA", AUTHORITY)
    system = _issued(files, "SYSCA", AUTHORITY, root)
    other = _issued(files, "OTHERCA", AUTHORITY)
    server = _issued(files, "localhost", LEAF.format("server"), system)
    server.certificate.write_bytes(server.certificate.read_bytes() + system.certificate.read_bytes())
    made = HandedOver(files / "ours", files / "theirs", server)
    for place, issuer in ((made.ours, system), (made.theirs, other)):
        place.mkdir()
        mine = _issued(place, "bundle", LEAF.format("client"), issuer)
        mine.key.rename(place / "privateKey.pem")
        mine.certificate.rename(place / "cert.pem")
        (place / "SYSCA.pem").write_bytes(system.certificate.read_bytes())
        check(["openssl", "x509", "-in", root.certificate, "-outform", "DER", "-out", place / "ROOTCA.crt"])
        (place / "client-ca.pem").write_bytes(
            (root if place == made.ours else other).certificate.read_bytes()
        )
    return made


def _issued(files: Path, name: str, extensions: str, by: Pem | None = None) -> Pem:
    """Make a key and a certificate with openssl, self-signed without ``by``."""
    made = Pem(files / f"{name}.pem", files / f"{name}.key")
    listed = files / f"{name}.ext"
    listed.write_text(extensions)
    new: list[str | Path] = [
        "openssl",
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        f"/O=Partner/CN={name}",
    ]
    request = check([*new, "-keyout", made.key])
    signer: list[str | Path] = ["-CA", by.certificate, "-CAkey", by.key] if by else ["-signkey", made.key]
    sign: list[str | Path] = [
        "openssl",
        "x509",
        "-req",
        "-sha256",
        "-days",
        "365",
        "-extfile",
        listed,
        *signer,
    ]
    check([*sign, "-out", made.certificate], stdin=request)
    return made


@pytest.fixture(scope="module")
def ours(handed_over: HandedOver, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The kit where SYSCA and ROOTCA issued the identity, and ROOTCA is the anchor for the server too."""
    files = handed_over.ours
    anchor = ("--trust", f"{files / 'ROOTCA.crt'}=digicert")
    return _kit(tmp_path_factory.mktemp("ours") / "kit", files, "SYSCA.pem", "ROOTCA.crt", *anchor)


@pytest.fixture(scope="module")
def theirs(handed_over: HandedOver, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The kit where SYSCA and ROOTCA issued the server, and were given as the chain all the same."""
    chain = ("SYSCA.pem=ejbca", "ROOTCA.crt=digicert")
    return _kit(tmp_path_factory.mktemp("theirs") / "kit", handed_over.theirs, *chain)


def _kit(folder: Path, files: Path, system: str, root: str, *more: object) -> Kit:
    identity = ("--key", files / "privateKey.pem", "--certificate", files / "cert.pem")
    chain = ("--chain", files / system, "--chain", files / root)
    return kit(folder, "salesforce", *identity, *chain, "--alias", "MYBUNDLE", *more)


def _listed(kit: Kit) -> str:
    """What ``keytool -list -v`` says of the keystore."""
    english = ["-J-Duser.language=en", "-J-Duser.country=US"]
    listing = ["keytool", *english, "-list", "-v", "-storepass", kit.password, "-keystore"]
    return check([*listing, kit.keep("mybundle.jks")]).decode()


def _store(kit: Kit) -> P12:
    return P12(kit.keep("mybundle.jks"), kit.password)


@pytest.mark.parametrize("way", ["ours", "theirs"])
def test_keystore_is_a_jks(way: str, request: pytest.FixtureRequest) -> None:
    """Salesforce goes by the first bytes."""
    assert JKS_MAGIC == _store(request.getfixturevalue(way)).path.read_bytes()[:4].hex()


def test_chain_is_inside_the_one_key_entry(ours: Kit, handed_over: HandedOver) -> None:
    """What issued the identity is sent along with it, so it has to be in its entry."""
    said = _listed(ours)
    assert ("Keystore type: JKS", 1, 1) == (
        said.splitlines()[0],
        said.count("Entry type: PrivateKeyEntry"),
        said.count("Alias name: mybundle\n"),
    )
    assert "Certificate chain length: 3" in said
    owners = [line.removeprefix("Owner: ") for line in said.splitlines() if line.startswith("Owner: ")]
    chain = ["CN=bundle, O=Partner", "CN=SYSCA, O=Partner", "CN=ROOTCA, O=Partner"]
    assert chain in [owners[:3], owners[1:]]


def test_server_issuers_are_trusted_entries_of_the_given_names(theirs: Kit) -> None:
    """A SYSCA that signed the server has no place in our chain."""
    said = _listed(theirs)
    assert "Certificate chain length: 1" in said
    assert 2 == said.count("Entry type: trustedCertEntry")
    assert {"mybundle", "ejbca", "digicert"} == {
        line.removeprefix("Alias name: ") for line in said.splitlines() if line.startswith("Alias name: ")
    }


def test_certificates_that_issue_nothing_of_ours_are_named(theirs: Kit) -> None:
    """A finding says which, and what to give instead."""
    found = [one for one in theirs.report["findings"] if one["code"] == "chain-certificate-foreign"]
    assert {"CN=SYSCA,O=Partner", "CN=ROOTCA,O=Partner"} == {one["facts"]["certificate"] for one in found}


def test_alias_is_written_in_lower_case_and_said_to_be(ours: Kit) -> None:
    """Java could read no other; the seed recipe asks for MYBUNDLE."""
    assert "alias-lowered" in ours.codes


@pytest.mark.parametrize("way", ["ours", "theirs"])
def test_java_with_nothing_but_the_keystore_is_answered(
    way: str, handed_over: HandedOver, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """By a server that names its CAs, which makes Java send nothing that does not lead to one of them."""
    store, files = _store(request.getfixturevalue(way)), getattr(handed_over, way)
    with nginx(tmp_path, handed_over.server, clients=files / "client-ca.pem") as port:
        (answer,) = java_client.get(f"https://localhost:{port}/users", trust=store, identity=store)
    assert (200, "CN=bundle,O=Partner GET /users ") == (answer.status, answer.body)


@pytest.mark.parametrize("way", ["ours", "theirs"])
def test_without_the_certificate_it_is_refused(
    way: str, handed_over: HandedOver, request: pytest.FixtureRequest
) -> None:
    """As Apex is whose named credential has none."""
    store, files = _store(request.getfixturevalue(way)), getattr(handed_over, way)
    context = tls.server(handed_over.server, clients=files / "client-ca.pem")
    with upstream(context) as api, pytest.raises(NoAnswer, match="certificate_required"):
        java_client.get(f"{api.url}/users", trust=store)


def test_chain_is_what_makes_java_send_the_certificate(
    ours: Kit, handed_over: HandedOver, tmp_path: Path
) -> None:
    """The other kit's leaf leads to another CA than the server names: nothing is sent, and nginx says so."""
    store = _store(ours)
    other = handed_over.theirs / "client-ca.pem"
    with nginx(tmp_path, handed_over.server, clients=other) as port:
        (answer,) = java_client.get(f"https://localhost:{port}/users", trust=store, identity=store)
    assert (400, True) == (answer.status, "No required SSL certificate was sent" in answer.body)


def test_what_is_sent_lets_the_partner_trust_us(ours: Kit, handed_over: HandedOver, tmp_path: Path) -> None:
    """The partner's server gets nothing but the half that is sent, and that has no key."""
    assert ["client-certificate.pem", "issuers.pem"] == sorted(one.name for one in ours.send("").iterdir())
    assert all(b"PRIVATE" not in one.read_bytes() for one in ours.send("").iterdir())
    with nginx(tmp_path, handed_over.server, clients=ours.send("issuers.pem")) as port:
        url = f"https://localhost:{port}/"
        (answer,) = java_client.get(url, trust=_trust(tmp_path, handed_over), identity=_store(ours))
    assert 200 == answer.status


def _trust(directory: Path, handed_over: HandedOver) -> P12:
    (root,) = load_certificates((handed_over.ours / "ROOTCA.crt").read_bytes())
    return truststore(directory / "trust", [root.parsed])


def test_password_is_in_no_file_of_the_kit(ours: Kit) -> None:
    """Whoever gets the folder cannot open it."""
    files = [one for one in ours.folder.rglob("*") if one.is_file()]
    assert [] == [one.name for one in files if PASSWORD.encode() in one.read_bytes()]


@dataclass(frozen=True)
class JwtFiles:
    """What the page docs/salesforce.md has a person make for the JWT bearer flow."""

    folder: Path

    @property
    def password(self) -> str:
        """What encrypts the key and the keystores."""
        return f"file:{self.folder / 'password'}"

    def openssl(self, *words: str) -> str:
        """What openssl says."""
        return check(["openssl", *words], cwd=self.folder).decode()


@pytest.fixture(scope="module")
def jwt(tmp_path_factory: pytest.TempPathFactory) -> JwtFiles:
    """The commands of the page, one after the other."""
    presence.require("openssl", "default-jdk-headless")
    folder = tmp_path_factory.mktemp("jwt")
    (folder / "password").write_text(PASSWORD)
    secret = ("--out-password-file", "password")
    opened = ("--key", "server.pass.key", "--key-password-file", "password")
    subject = ("--subject", "CN=jwt,O=Example")
    commands = (
        ("key", "new", "--algorithm", "rsa-2048", "-o", "server.pass.key", *secret),
        ("csr", "new", *opened, *subject, "-o", "server.csr"),
        ("certificate", "self-sign", *opened, *subject, "--days", "365", "--certificate-out", "server.crt"),
        ("kit", "salesforce", "--use", "app", *opened, "--certificate", "server.crt", "-o", "kit", *FORM),
    )
    for words in commands:
        check([sys.executable, "-m", "twoway", *words], cwd=folder)
    return JwtFiles(folder)


FORM = (
    *("--set", "contact-email=ops@example.com", "--set", "username=api@example.com"),
    *("--set", "oauth-port=1919", "--set", "instance-url=https://example.my.salesforce.com"),
)


def test_key_is_encrypted_and_clear(jwt: JwtFiles) -> None:
    """The one with the password is kept, the clear one is what Salesforce CLI reads: the same key."""
    sealed = jwt.openssl("pkey", "-in", "server.pass.key", "-passin", jwt.password, "-pubout")
    assert "ENCRYPTED" in (jwt.folder / "server.pass.key").read_text()
    clear = jwt.folder / "kit/keep/server.key"
    assert sealed == jwt.openssl("pkey", "-in", str(clear), "-pubout")
    assert 0o600 == clear.stat().st_mode & 0o777


def test_request_and_certificate_are_the_keys(jwt: JwtFiles) -> None:
    """The request proves its key, and the certificate is its own issuer for 365 days."""
    assert "jwt" in jwt.openssl("req", "-in", "server.csr", "-verify", "-noout", "-subject")
    assert "server.crt: OK" in jwt.openssl("verify", "-CAfile", "server.crt", "server.crt")
    (certificate,) = load_certificates((jwt.folder / "server.crt").read_bytes())
    assert 365 == (certificate.not_after - certificate.not_before).days


def test_signature_of_the_key_is_verified_by_what_is_uploaded(jwt: JwtFiles) -> None:
    """As Salesforce does with a token: RS256 by the key, checked with the certificate."""
    (jwt.folder / "token").write_text("header.claims")
    (jwt.folder / "uploaded.pub").write_text(
        jwt.openssl("x509", "-in", "kit/send/server.crt", "-pubkey", "-noout")
    )
    jwt.openssl("dgst", "-sha256", "-sign", "kit/keep/server.key", "-out", "signature", "token")
    said = jwt.openssl("dgst", "-sha256", "-verify", "uploaded.pub", "-signature", "signature", "token")
    assert "Verified OK" in said


def test_only_the_certificate_goes_to_salesforce(jwt: JwtFiles) -> None:
    """The key never does."""
    assert ["server.crt"] == [one.name for one in (jwt.folder / "kit/send").iterdir()]
    assert b"PRIVATE" not in (jwt.folder / "kit/send/server.crt").read_bytes()


def test_form_has_every_value(jwt: JwtFiles) -> None:
    """The timeout among them, which the seed garbles; nothing is found wrong with the certificate."""
    made = Kit(jwt.folder / "kit")
    rows = {line.strip() for line in made.steps.splitlines() if line.strip().startswith("| ")}
    assert {
        "| Contact Email | `ops@example.com` |",
        "| Callback URL | `http://localhost:1919/OauthRedirect` |",
        "| Refresh Token Validity Period, Unit | 365, Day(s) |",
        "| Session Timeout in Minutes | 15 |",
        "| Username | `api@example.com` |",
        "| Instance URL | `https://example.my.salesforce.com` |",
    } <= rows
    assert '"oauthLocalPort": "1919"' in made.keep("sfdx-project.json").read_text()
    assert [] == made.codes


def test_keystores_have_the_named_alias(jwt: JwtFiles) -> None:
    """They are optional: the JWT bearer flow needs none, other uses of the certificate do."""
    names = ("--alias", "jwt_cert", "--pkcs12", "--jks", "--out-password-file", "password", "-o", "stores")
    key = ("--key", "server.pass.key", "--key-password-file", "password", "--subject", "CN=jwt")
    check([sys.executable, "-m", "twoway", "certificate", "self-sign", *key, *names], cwd=jwt.folder)
    for name, kind in (("keystore.p12", "PKCS12"), ("keystore.jks", "JKS")):
        listing: list[str | Path] = ["keytool", "-list", "-keystore", jwt.folder / "stores" / name]
        said = check([*listing, "-storetype", kind, "-storepass", PASSWORD]).decode()
        assert re.search(r"^jwt_cert, .*PrivateKeyEntry", said, re.MULTILINE)


def test_page_works_as_it_is_written(handed_over: HandedOver, tmp_path: Path) -> None:
    """Every command of docs/salesforce.md, one after the other, beside the four files."""
    for name in ("privateKey.pem", "cert.pem", "SYSCA.pem", "ROOTCA.crt"):
        shutil.copy(handed_over.theirs / name, tmp_path)
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for block in blocks:
        check(["sh", "-eu", "-c", block], cwd=tmp_path, env={"PATH": path})
    made = {"kit", "kit-for-their-server", "jwt-kit", "keystore.p12", "servercert.jks"}
    assert made <= {one.name for one in tmp_path.iterdir()}
    assert JKS_MAGIC == (tmp_path / "servercert.jks").read_bytes()[:4].hex()
    said = check(["keytool", "-list", "-keystore", tmp_path / "keystore.p12", "-storepass", PASSWORD])
    assert b"jwt_cert, " in said
