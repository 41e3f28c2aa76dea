"""Java 17 with the kits' files, options and code, and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.platforms.links import PASSWORD, Side, both, java, java_server, kit
from tests.parts import curl
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.presence import require

require("default-jdk-headless", "curl")

PLAIN_CALL = """
public class PlainCall {
    public static void main(String[] arguments) throws Exception {
        var client = java.net.http.HttpClient.newHttpClient();
        var request = java.net.http.HttpRequest.newBuilder(java.net.URI.create(arguments[0])).build();
        var body = java.net.http.HttpResponse.BodyHandlers.ofString();
        System.out.println(client.send(request, body).body());
    }
}
"""


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side, Side]:
    """A client, a server and a stranger."""
    return both(tmp_path_factory.mktemp("sides"))


@pytest.fixture(scope="module")
def port(sides: tuple[Side, Side, Side]) -> Iterator[int]:
    """The server of the kit for servers."""
    client, server, _ = sides
    folder = kit("java", server, "--use", "server", trust=client) / "keep"
    with java_server(folder, "MutualTlsServer.java", "0", ready=r"listening on (\d+)") as chosen:
        yield chosen


@pytest.fixture(scope="module")
def client_kit(sides: tuple[Side, Side, Side]) -> Path:
    """The client's kit."""
    client, server, _ = sides
    return kit("java", client, trust=server) / "keep"


def test_client_is_answered_by_server(port: int, client_kit: Path) -> None:
    """Both kits as they are: the code of one calls the code of the other."""
    said = java(client_kit, "MutualTlsClient.java", f"https://localhost:{port}/")
    assert b"200 hello CN=client" == said.stdout.strip(), said.stderr


def test_options_do_for_a_program_that_knows_nothing(port: int, client_kit: Path) -> None:
    """As STEPS.md has it: java.options, and the password in a file of its own."""
    (client_kit / "PlainCall.java").write_text(PLAIN_CALL)
    steps = (client_kit.parent / "STEPS.md").read_text()
    command = steps[steps.index("(umask 077") : steps.index("password.options)`") + len("password.options)")]
    environment = {"STORE_PASSWORD": PASSWORD, "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-c", command.replace("\n", " ")], cwd=client_kit, check=True, env=environment)
    said = java(
        client_kit, "@java.options", "@password.options", "PlainCall.java", f"https://localhost:{port}/"
    )
    assert b"hello CN=client" == said.stdout.strip(), said.stderr
    assert 0o600 == (client_kit / "password.options").stat().st_mode & 0o777


def test_caller_without_a_certificate_is_refused(port: int, client_kit: Path) -> None:
    """Options of the truststore alone are one-way TLS."""
    (client_kit / "PlainCall.java").write_text(PLAIN_CALL)
    options = [
        "-Djavax.net.ssl.trustStore=truststore.p12",
        f"-Djavax.net.ssl.trustStorePassword={PASSWORD}",
    ]
    said = java(client_kit, *options, "PlainCall.java", f"https://localhost:{port}/")
    # The alert is mostly lost: the server has closed before the client, done with its handshake, reads.
    assert (1, b"") == (said.status, said.stdout), said.stderr


def test_certificate_of_another_ca_is_refused(port: int, sides: tuple[Side, Side, Side]) -> None:
    """Java sends nothing to a server that names other CAs; what is sent all the same is refused too."""
    _, server, stranger = sides
    folder = kit("java", stranger, trust=server) / "keep"
    said = java(folder, "MutualTlsClient.java", f"https://localhost:{port}/")
    assert (1, b"") == (said.status, said.stdout), said.stderr
    with pytest.raises(NoAnswer):
        curl.get(f"https://localhost:{port}/", ca=server.anchor, identity=Pem(stranger.chain, stranger.key))


def test_server_of_another_ca_is_not_trusted(port: int, sides: tuple[Side, Side, Side]) -> None:
    """The truststore is the only one that counts."""
    client, _, stranger = sides
    folder = kit("java", client, trust=stranger, to="client-misled") / "keep"
    said = java(folder, "MutualTlsClient.java", f"https://localhost:{port}/")
    assert (1, True) == (said.status, b"PKIX path building failed" in said.stderr), said.stderr


def test_code_for_java_8_compiles_for_it_and_works(port: int, sides: tuple[Side, Side, Side]) -> None:
    """Its files are of the profile that the first updates of Java 8 read."""
    client, server, _ = sides
    folder = kit("java", client, "--set", "java=8", trust=server, to="client-8") / "keep"
    compiled = subprocess.run(
        ["javac", "-Xlint:-options", "--release", "8", "MutualTlsClient.java"],
        cwd=folder,
        check=False,
        capture_output=True,
    )
    assert 0 == compiled.returncode, compiled.stderr
    said = java(folder, "-cp", ".", "MutualTlsClient", f"https://localhost:{port}/")
    assert b"200 hello CN=client" == said.stdout.strip(), said.stderr


def test_no_password_stands_in_the_kit(client_kit: Path) -> None:
    """Not in the code, not in the options, not in the steps."""
    written = [*client_kit.glob("*.java"), client_kit / "java.options", client_kit.parent / "STEPS.md"]
    assert [] == [file.name for file in written if PASSWORD in file.read_text()]
