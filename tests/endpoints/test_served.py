"""Calls to a gateway of ours: the whole way from an endpoint's vault to an upstream."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import twoway
from tests.endpoints.conftest import identity_of
from tests.parts.served import Served, served
from tests.parts.upstream import Upstream, upstream
from twoway.endpoints.client import Endpoint
from twoway.endpoints.handshakes import Presented
from twoway.errors import EndpointClosed, IdentityDemanded, IdentityRefused
from twoway.realm import authorities, endpoints
from twoway.realm.vault import Brought
from twoway.x509.certificates import pem_bundle
from twoway.x509.identity import Identity


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """A backend."""
    with upstream() as made:
        yield made


@pytest.fixture(scope="module", params=["explain", "strict"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, api: Upstream
) -> Iterator[Served]:
    """A gateway with one service and one client."""
    with served(tmp_path_factory.mktemp("served")) as made:
        made.service("orders", api.url, host="localhost", path="/orders", handshake=request.param)
        made.client("globex", "orders")
        made.settled()
        yield made


@pytest.fixture(scope="module")
def globex(gateway: Served) -> Identity:
    """The client's identity."""
    issued, _ = gateway.issue("globex")
    assert issued.key is not None
    gateway.settled()
    return Identity(issued.key, (issued.certificate, *issued.chain))


@pytest.fixture(scope="module")
def trust(gateway: Served) -> bytes:
    """Our own CA, which issued the gateway's certificate."""
    with gateway.realm.reading() as connection:
        return pem_bundle(authorities.anchors(connection))


@pytest.fixture
def url(gateway: Served) -> str:
    """Where the service is."""
    return f"https://localhost:{gateway.port}/orders"


def test_known_client_is_answered(gateway, globex, trust, url):
    """From the vault: asked for, sent, and named to the upstream."""
    with gateway.realm.changing("test") as change:
        endpoints.add(change, "orders", url, identity=Brought(globex), trust=trust)
    with twoway.endpoint("orders", gateway.realm) as orders:
        answer = orders.get("/1")
        assert (200, Presented.SENT) == (answer.status_code, answer.extensions["handshake"].certificate)
    assert ["globex"] == [value for name, value in answer.json()["headers"] if name.lower() == "x-client-id"]


@pytest.mark.parametrize("gateway", ["explain"], indirect=True)
@pytest.mark.parametrize("known", [True, False])
def test_explained_refusal_is_an_answer(gateway, trust, url, stranger, known):
    """The handshake says whether the certificate was sent, the answer why it is not enough."""
    identity = identity_of(stranger) if known else None
    with Endpoint("orders", url, identity=identity, trust=trust.decode()) as orders:
        answer = orders.get("/1")
    expected = ("certificate-unknown", "sent") if known else ("certificate-missing", "not-sent")
    assert expected == (answer.json()["code"], answer.extensions["handshake"].certificate)


@pytest.mark.parametrize("gateway", ["strict"], indirect=True)
@pytest.mark.parametrize("known", [True, False])
def test_strict_refusal_is_an_error(gateway, trust, url, stranger, known):
    """By its alert; or, where that is lost on the way, with what was seen of the certificate."""
    identity = identity_of(stranger) if known else None
    refused = IdentityRefused if known else IdentityDemanded
    with (
        Endpoint("orders", url, identity=identity, trust=trust.decode()) as orders,
        pytest.raises((refused, EndpointClosed)),
    ):
        orders.get("/1")
    assert orders.handshake
    assert ("sent" if known else "not-sent") == orders.handshake.certificate
