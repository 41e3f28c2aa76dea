"""What a call of a known client costs, beside a bare Envoy, and how often it asks the control plane.

python -m bench.gateway
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.bare_envoy import bare_envoy
from bench.load import handshakes, requests
from bench.measure import Paired, apart, paired, pinned, processor_seconds
from tests.parts.credentials import Pem
from tests.parts.served import Served, free_port, served
from twoway.gateway.statistics import questions
from twoway.realm import services, vault

CLIENTS = 1000
# Short rounds, and many: the machine's own speed changes within a second.
REQUESTS = 800
HANDSHAKES = 50
ROUNDS = 150
PATH = "/orders"


def main() -> None:
    """Take the figures and print them."""
    apart()
    with (
        tempfile.TemporaryDirectory() as folder,
        backend(Path(folder)) as api,
        served(Path(folder)) as gateway,
    ):
        gateway.service("orders", f"http://127.0.0.1:{api}")
        identity = populate(gateway)
        server, authority = server_files(gateway)
        with (
            bare_envoy(Path(folder), server, authority, api, identity) as (bare_port, bare),
            bare_envoy(Path(folder), server, authority, api, identity, edge=True) as (edge_port, edge),
        ):
            ours = gateway.gateway_pid()
            pinned(ours, bare, edge)
            before = questions(gateway.runtime)

            def against(port: int, pid: int, load: Callable[..., None], count: int) -> Paired:
                return paired(
                    lambda: _cost(ours, lambda: load(gateway.port, PATH, identity, count), count),
                    lambda: _cost(pid, lambda: load(port, PATH, identity, count), count),
                    ROUNDS,
                )

            figures = {
                "kept-alive request, bare Envoy": against(bare_port, bare, requests, REQUESTS),
                "kept-alive request, Envoy at an edge": against(edge_port, edge, requests, REQUESTS),
                "handshake with one request, bare Envoy": against(bare_port, bare, handshakes, HANDSHAKES),
            }
            asked = questions(gateway.runtime) - before
    for what, figure in figures.items():
        _show(what, figure)
    calls = (2 * REQUESTS + HANDSHAKES) * (ROUNDS + 1)
    print(f"{calls} calls of a known client, of {CLIENTS}: the control plane was asked {asked} times")


def populate(gateway: Served, count: int = CLIENTS) -> Pem:
    """Add clients with an issued certificate each; return the identity of the last one."""
    identity: Pem | None = None
    for number in range(count):
        gateway.client(f"client-{number}", "orders")
        _, identity = gateway.issue(f"client-{number}")
    assert identity is not None
    gateway.settled(seconds=60)
    return identity


def server_files(gateway: Served) -> tuple[Pem, Path]:
    """Write the gateway's own server identity and its issuing CA as PEM, for the peer to serve with the same."""
    realm = gateway.realm
    with realm.reading() as connection:
        entry = vault.entry(connection, services.services(connection)[0].vault_entry_id)
        identity = vault.identity(realm.keys, connection, entry)
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    certificate, key = gateway.files / "server.pem", gateway.files / "server.key"
    certificate.write_bytes(b"".join(one.pem for one in identity.certificates))
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    authority = gateway.files / "issuing.pem"
    authority.write_bytes(b"".join(one.pem for one in identity.certificates[1:]))
    return Pem(certificate, key), authority


@contextmanager
def backend(files: Path) -> Iterator[int]:
    """Run nginx with a constant answer, so that the backend is not what is measured; return its port."""
    port = free_port()
    configuration = files / "nginx.conf"
    configuration.write_text(
        f"daemon off; worker_processes 1; pid {files}/nginx.pid; error_log {files}/nginx.log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; server {{ listen 127.0.0.1:{port};"
        ' location / { return 200 "hello"; } } }\n'
    )
    process = subprocess.Popen(["nginx", "-c", str(configuration), "-p", str(files)])
    try:
        time.sleep(0.3)
        yield port
    finally:
        process.terminate()
        process.wait()


def _cost(pid: int, load: Callable[[], None], count: int) -> float:
    """Return the processor time of a process for one call, in microseconds."""
    before = processor_seconds(pid)
    load()
    return (processor_seconds(pid) - before) / count * 1e6


def _show(what: str, figure: Paired) -> None:
    low, high = figure.spread
    print(
        f"{what}: {statistics.median(figure.peers):.1f} us of processor time, ours "
        f"{statistics.median(figure.ours):.1f} us; ratio {figure.ratio:.3f} (quartiles {low:.3f} to {high:.3f})"
    )


if __name__ == "__main__":
    main()
