"""The parts are proved against plain mutual-TLS servers, without any of the product."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import material, tls
from tests.parts.credentials import P12, Pem, truststore
from tests.parts.material import Holder
from tests.parts.nginx import nginx
from tests.parts.upstream import Upstream, upstream


@pytest.fixture(scope="session")
def root() -> Holder:
    """Return the one CA of these tests."""
    return material.root()


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory for the files of all these tests."""
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="session")
def ca(root: Holder, directory: Path) -> Path:
    """Return the CA as a PEM file."""
    return root.ca_file(directory)


@pytest.fixture(scope="session")
def trust(root: Holder, directory: Path) -> P12:
    """Return the CA as Java's truststore."""
    return truststore(directory / "trust", root.certificates)


@pytest.fixture(scope="session")
def globex(root: Holder) -> Holder:
    """Return a client that the servers know."""
    return material.client(root, "globex")


@pytest.fixture(scope="session")
def server_identity(root: Holder, directory: Path) -> Pem:
    """Return the files of a server on localhost."""
    return material.server(root).pem(directory, "server")


@pytest.fixture
def server(server_identity: Pem, ca: Path) -> Iterator[Upstream]:
    """Serve for clients of the CA alone."""
    with upstream(tls.server(server_identity, clients=ca)) as running:
        yield running


@pytest.fixture
def nginx_port(server_identity: Pem, ca: Path, tmp_path: Path) -> Iterator[int]:
    """Serve for clients of the CA alone, which is named to them, and with HTTP/2."""
    with nginx(tmp_path, server_identity, clients=ca) as port:
        yield port
