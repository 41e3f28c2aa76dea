"""AEM's keystores as Java makes them of what is uploaded, and the rendered class with Apache HttpClient 4.5."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.interop.platforms.links import PASSWORD, QUICK, Side, kit, side
from tests.parts import credentials, material
from tests.parts.material import CLIENT, SERVER, Holder
from tests.parts.presence import require
from tests.parts.programs import Finished, check, run, serving

require("default-jdk-headless", "nodejs", "libhttpclient-java")

HERE = Path(__file__).with_name("aem")
JARS = [
    f"/usr/share/java/{name}.jar" for name in ("httpclient", "httpcore", "commons-logging", "commons-codec")
]
CLASS = "com.example.core.mutualtls.MutualTlsClient"
DAYS = (-1.0, 300.0)
TRIES = 5


@dataclass(frozen=True)
class World:
    """AEM, the API's provider, and what the JVM trusts by itself."""

    folder: Path
    aem: Side
    provider: Side
    public: Side
    elsewhere: Side
    made: Path
    classes: Path

    def call(
        self,
        url: str,
        *upload: object,
        trust: bool = True,
        configuration: Path | None = None,
    ) -> Finished:
        """Call a URL with the rendered class after these uploads."""
        keep = self.made / "keep"
        config = configuration or keep / f"{CLASS}.cfg.json"
        path = ":".join([str(self.classes), *JARS])
        jvm = credentials.truststore(self.folder / "cacerts", [self.public.holder.certificates[-1]])
        cacerts = (
            f"-Djavax.net.ssl.trustStore={jvm.path}",
            f"-Djavax.net.ssl.trustStorePassword={jvm.password}",
        )
        words = ["java", *QUICK, *cacerts, "-cp", path, "Author", CLASS, config, url, *upload]
        words += ["trust", *sorted(keep.glob("trust-*.cer"))] if trust else []
        return run([str(word) for word in words], env={"KEYSTORE_PASSWORD": PASSWORD}, timeout=60)

    @property
    def der(self) -> tuple[object, ...]:
        """The upload that the steps name."""
        keep = self.made / "keep"
        return ("der", keep / "aem-key.der", *sorted(keep.glob("certificate-*.pem")))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The kit, and its class compiled for the oldest Java of AEM 6.5 against interfaces of the same names."""
    folder = tmp_path_factory.mktemp("aem")
    clients, providers, public = (issuing(name) for name in ("clients", "providers", "public"))
    key = rsa.generate_private_key(65537, 2048)
    aem = side(folder, "aem", material.issue("aem", by=clients, usage=[CLIENT], days=DAYS, key=key))
    provider = side(folder, "provider", serving_as("provider", providers, "localhost"))
    made = kit("aem", aem, trust=provider)
    classes = folder / "classes"
    stubs = [file for part in ("com", "org") for file in (HERE / part).rglob("*.java")]
    javac: list[str | Path] = [
        "javac",
        "-Xlint:-options",
        "-cp",
        f"{classes}:{':'.join(JARS)}",
        "-d",
        classes,
    ]
    check([*javac, "-Werror", "--release", "8", *stubs, made / "keep/MutualTlsClient.java"], timeout=60)
    check([*javac, HERE / "Author.java"], timeout=60)
    return World(
        folder,
        aem,
        provider,
        side(folder, "public", serving_as("public", public, "localhost")),
        side(folder, "elsewhere", serving_as("elsewhere", providers, "elsewhere.example")),
        made,
        classes,
    )


def issuing(name: str) -> Holder:
    """An issuing CA below a root of its own."""
    return material.issue(f"{name} issuing", by=material.root(f"{name} root"), ca=True, days=DAYS)


def serving_as(name: str, by: Holder, host: str) -> Holder:
    """A server's identity for one host."""
    return material.issue(name, by=by, names=[host], usage=[SERVER], days=DAYS)


@contextmanager
def api(of: Side, log: Path, *, clients: Path | None) -> Iterator[str]:
    """Node.js with this identity; it requires a client certificate where it is told whose."""
    argv = ["node", str(HERE / "api.mjs"), str(of.key), str(of.chain), *([str(clients)] if clients else [])]
    with serving(argv, log=log, ready=r"listening on (\d+)") as match:
        yield f"https://localhost:{match[1]}/"


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    """The provider's API, with what the kit sends as the CA of its clients."""
    with api(world.provider, world.folder / "api.log", clients=world.made / "send/client-ca.pem") as address:
        yield address


def test_key_and_chain_in_der_files_are_what_the_api_asks_for(world: World, url: str) -> None:
    """As the steps upload them, with the class and the configuration of the kit."""
    said = world.call(url, *world.der)
    assert b"hello aem" == said.stdout.strip(), said.stderr


@pytest.mark.parametrize("version", ["cloud", "6.5"])
def test_key_store_file_does_the_same(world: World, url: str, version: str) -> None:
    """The PKCS#12 for Add Private Key from Key Store file, and the configuration of either version."""
    options = ("--set", "upload=pkcs12", "--set", f"aem={version}")
    keep = kit("aem", world.aem, *options, trust=world.provider, to=f"pkcs12-{version}") / "keep"
    said = world.call(url, "pkcs12", keep / "aem.p12", configuration=keep / f"{CLASS}.cfg.json")
    assert b"hello aem" == said.stdout.strip(), said.stderr


def test_without_the_key_nobody_is_called(world: World, url: str) -> None:
    """The class says so, instead of calling without a certificate."""
    said = world.call(url, "empty")
    assert (1, True) == (said.status, b"no key aem in the keystore of mutual-tls-user" in said.stderr)


def test_certificate_that_the_api_does_not_trust_is_refused(world: World) -> None:
    """HttpClient mostly finds the connection closed, which the steps say."""
    with api(world.provider, world.folder / "strict.log", clients=world.public.anchor) as address:
        said = world.call(address, *world.der)
    assert (1, b"") == (said.status, said.stdout)


def test_host_name_check_is_on(world: World) -> None:
    """A server with a certificate of the trusted CA for another name is refused."""
    clients = world.made / "send/client-ca.pem"
    with api(world.elsewhere, world.folder / "elsewhere.log", clients=clients) as address:
        said = world.call(address, *world.der)
    wanted = b"doesn't match any of the subject alternative names"
    assert (1, True) == (said.status, wanted in said.stderr), said.stderr


def test_public_roots_are_trusted_beside_the_trust_store(world: World) -> None:
    """With AEM's own trust store, and with none."""
    with api(world.public, world.folder / "public.log", clients=None) as address:
        said = [world.call(address, *world.der, trust=trust) for trust in (True, False)]
    assert [b"hello nobody"] * 2 == [one.stdout.strip() for one in said], said[0].stderr


def test_server_that_neither_trusts_is_refused(world: World, url: str) -> None:
    """Without the upload to the trust store the provider's private CA is unknown."""
    said = world.call(url, *world.der, trust=False)
    assert (1, True) == (said.status, b"PKIX path building failed" in said.stderr), said.stderr


def test_caller_without_a_certificate_is_told_certificate_required(world: World, url: str) -> None:
    """The message of Adobe's page: what AEM's code gave before there was a key, in TLS 1.3 to Node.js."""
    program = world.folder / "NoKey.java"
    program.write_text(NO_KEY)
    trust = credentials.truststore(world.folder / "trust", [world.provider.holder.certificates[-1]])
    words = ["java", *QUICK, f"-Djavax.net.ssl.trustStore={trust.path}"]
    words += [f"-Djavax.net.ssl.trustStorePassword={trust.password}", str(program), url]
    told: list[bytes] = []
    # On a busy machine the closed connection may overtake the alert even here.
    while len(told) < TRIES and not any(b"certificate_required" in one for one in told):
        said = run(words, timeout=60)
        assert 1 == said.status
        told.append(said.stderr)
    assert b"certificate_required" in told[-1], told


def test_no_password_and_no_key_stand_where_they_should_not(world: World) -> None:
    """The configuration has the name of a secret; what is sent holds certificates alone."""
    text = {
        file.name: file.read_bytes()
        for file in world.made.rglob("*")
        if file.suffix in {".java", ".json", ".md"}
    }
    assert [] == [name for name, content in text.items() if PASSWORD.encode() in content]
    configuration = json.loads(text[f"{CLASS}.cfg.json"])
    assert "$[secret:MUTUAL_TLS_KEYSTORE_PASSWORD]" == configuration["keystore.password"]
    assert [] == [file.name for file in (world.made / "send").iterdir() if b"PRIVATE" in file.read_bytes()]
    assert 0o600 == (world.made / "keep/aem-key.der").stat().st_mode & 0o777


# Java's own client reads on after the handshake, and so sees the alert that HttpClient mostly misses.
NO_KEY = """
public class NoKey {
    public static void main(String[] arguments) throws Exception {
        var client = java.net.http.HttpClient.newHttpClient();
        var request = java.net.http.HttpRequest.newBuilder(java.net.URI.create(arguments[0])).build();
        client.send(request, java.net.http.HttpResponse.BodyHandlers.discarding());
    }
}
"""
