"""A realm for every test: made once, copied for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import pytest

from tests.x509.pki import AT
from twoway.realm import clients, services
from twoway.realm.change import Change
from twoway.realm.realm import Realm

Changing = Callable[..., AbstractContextManager[Change]]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a new realm, not to be changed."""
    directory = tmp_path_factory.mktemp("template") / "realm"
    Realm.create(directory, name="Acme", at=AT).close()
    return directory


@pytest.fixture
def realm(template: Path, tmp_path: Path) -> Iterator[Realm]:
    """A new realm with an unlock key in its file."""
    shutil.copytree(template, tmp_path / "realm")
    with Realm.open(tmp_path / "realm") as opened:
        yield opened


@pytest.fixture
def changing(realm: Realm) -> Changing:
    """Open a change at the moment of all tests, or at another one."""

    def change(at: datetime = AT) -> AbstractContextManager[Change]:
        return realm.changing("test", at=at)

    return change


@pytest.fixture
def globex(realm: Realm, changing: Changing) -> str:
    """A client that may call the service orders of api.example.com."""
    with changing() as change:
        options = services.ServiceOptions(host="api.example.com", path="/orders")
        services.add(change, "orders", "http://127.0.0.1:8080", options=options)
        clients.add(change, "globex", allow=["orders"])
    return "globex"


@pytest.fixture
def initech(globex: str, changing: Changing) -> str:
    """A second client that may call the same service."""
    with changing() as change:
        clients.add(change, "initech", allow=["orders"])
    return "initech"
