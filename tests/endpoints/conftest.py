"""A partner with its own CA, our identity, and a realm whose one endpoint is called ``partner``."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import twoway
from tests.parts import material, tls
from tests.parts.credentials import Pem
from tests.parts.material import Holder
from tests.parts.upstream import Upstream, upstream
from twoway.endpoints.client import Endpoint
from twoway.realm import endpoints
from twoway.realm.endpoints import NO_AUTH, Auth
from twoway.realm.realm import Realm
from twoway.realm.vault import Brought
from twoway.x509.certificates import Certificate
from twoway.x509.identity import Identity

Calling = Callable[..., AbstractContextManager[Endpoint]]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of all these tests."""
    return tmp_path_factory.mktemp("endpoints")


@pytest.fixture(scope="session")
def theirs() -> Holder:
    """The partner's CA."""
    return material.root("Partner Root")


@pytest.fixture(scope="session")
def ca(theirs: Holder, files: Path) -> Path:
    """The partner's CA as a PEM file."""
    return theirs.ca_file(files)


@pytest.fixture(scope="session")
def server_files(theirs: Holder, files: Path) -> Pem:
    """The files of a server of the partner."""
    return material.server(theirs).pem(files, "server")


@pytest.fixture(scope="session")
def us(theirs: Holder) -> Holder:
    """Us, whom the partner's CA knows."""
    return material.client(theirs, "us.example")


@pytest.fixture(scope="session")
def stranger() -> Holder:
    """Us with a certificate that the partner does not know."""
    return material.client(material.root("Nobody"), "stranger")


@pytest.fixture
def partner(server_files: Pem, ca: Path) -> Iterator[Upstream]:
    """A server of the partner that lets in whom its CA knows."""
    with upstream(tls.server(server_files, clients=ca)) as serving:
        yield serving


@pytest.fixture(scope="session")
def empty(files: Path) -> Path:
    """A realm that is not to be changed."""
    Realm.create(files / "realm", name="acme", at=datetime.now(UTC)).close()
    return files / "realm"


@pytest.fixture
def realm(empty: Path, tmp_path: Path) -> Iterator[Realm]:
    """An empty realm."""
    shutil.copytree(empty, tmp_path / "realm")
    with Realm.open(tmp_path / "realm") as opened:
        yield opened


@pytest.fixture
def calling(realm: Realm, us: Holder, ca: Path) -> Calling:
    """Add the endpoint ``partner`` to the realm, and open it by its name."""

    @contextmanager
    def call(
        url: str, *, identity: Holder | None = us, trust: Path | None = ca, auth: Auth = NO_AUTH
    ) -> Iterator[Endpoint]:
        with realm.changing("test") as change:
            endpoints.add(
                change,
                "partner",
                url,
                identity=Brought(identity_of(identity)) if identity else None,
                trust=trust.read_bytes() if trust else b"",
                auth=auth,
            )
        with twoway.endpoint("partner", realm) as opened:
            yield opened

    return call


def identity_of(holder: Holder) -> Identity:
    """Return what a holder has as an identity."""
    return Identity(
        holder.key, tuple(Certificate(one.public_bytes(Encoding.DER)) for one in holder.certificates)
    )
