"""``twoway serve``: the control plane and an embedded gateway."""

from __future__ import annotations

from typing import Any

import click

from twoway.cli.options import Duration, json_option
from twoway.cli.output import Output, echo_json_line, note
from twoway.cli.realms import RealmPlace, realm_option


class Address(click.ParamType[tuple[str, int]]):
    """Where to listen, written as ``8443``, ``127.0.0.1:8443`` or ``[::1]:8443``."""

    name = "address:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return the IP address and the port."""
        from ipaddress import ip_address

        host, _, port = str(value).rpartition(":")
        host = host.strip("[]") or "0.0.0.0"  # noqa: S104  a gateway is there for others
        try:
            ip_address(host)
        except ValueError:
            self.fail(f"{host!r} is no IP address to listen on", param, ctx)
        if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
            self.fail(f"{port!r} is no port from 1 to 65535", param, ctx)
        return host, int(port)


@click.command()
@click.option(
    "--listen", type=Address(), default="0.0.0.0:8443", show_default=True, help="Where the gateway listens."
)
@click.option(
    "--lease",
    type=Duration(),
    default="24h",
    show_default=True,
    help="How long the gateway lets known clients in without its control plane.",
)
@click.option(
    "--workers", type=click.IntRange(0, 256), default=0, help="The gateway's threads; 0 is one a core."
)
@realm_option
@json_option
def serve(place: RealmPlace, listen: tuple[str, int], lease: int, workers: int, out: Output) -> int:
    """Run the control plane and a gateway, until Ctrl-C.

    Changes that other commands make take effect at once. When this process is killed, the gateway goes on with the
    clients that it knows, for as long as its lease, and the next `twoway serve` takes it over.
    """
    import logging
    from datetime import timedelta

    from twoway.errors import UsageError
    from twoway.gateway.compose import Listen
    from twoway.gateway.serving import Serving, serve

    if lease < 1:
        raise UsageError("a lease of no time lets nobody in", "give --lease 24h, or at least 1s")
    logging.basicConfig(level=logging.WARNING, format="twoway: %(levelname)s: %(message)s")
    options = Serving(listen=Listen(*listen), lease=timedelta(seconds=lease), concurrency=workers)

    def ready(where: Listen) -> None:
        if out.json:
            echo_json_line({"event": "ready", "address": where.address, "port": where.port})
        else:
            note(f"serving on {where.address}:{where.port} (Ctrl-C ends it)")

    with place.opened() as realm:
        serve(realm, options, on_ready=ready)
    return 0
