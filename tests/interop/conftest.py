"""One gateway, Debian's Tomcat behind it, and partners of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.partners import Partners, twoway
from tests.interop.visitors import Trust
from tests.parts.served import Served, served
from tests.parts.tomcat import Tomcat, tomcat


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tomcat]:
    """Debian's Tomcat 10."""
    with tomcat(tmp_path_factory.mktemp("tomcat")) as made:
        yield made


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, backend: Tomcat) -> Iterator[Served]:
    """A gateway that explains on 127.0.0.1 and is strict on localhost: the name in the handshake chooses."""
    with served(tmp_path_factory.mktemp("gateway")) as made:
        send = ("x-client-id", "x-forwarded-client-cert", "client-cert", "client-cert-chain")
        all_of_them = [word for header in send for word in ("--send", header)]
        orders = ("--path", "/orders", "--refusals", "explained", *all_of_them)
        twoway(made, "service", "add", "orders", "--upstream", backend.url, *orders)
        strict = ("--host", "localhost", "--handshake", "strict", *all_of_them)
        twoway(made, "service", "add", "vault", "--upstream", backend.url, *strict)
        yield made


@pytest.fixture(scope="session")
def explaining(gateway: Served) -> str:
    """Where a service answers strangers with the reason."""
    return f"https://127.0.0.1:{gateway.port}/orders/1"


@pytest.fixture(scope="session")
def strict(gateway: Served) -> str:
    """Where a service ends a stranger's handshake."""
    return f"https://localhost:{gateway.port}/orders/1"


@pytest.fixture(scope="session")
def partners(gateway: Served) -> Partners:
    """Partners of each kind, who may call both services."""
    return Partners(gateway, ("orders", "vault"))


@pytest.fixture(scope="session")
def trust(partners: Partners) -> Trust:
    """What `client issue` hands over to be trusted when calling us."""
    return Trust.of(partners.server_ca)
