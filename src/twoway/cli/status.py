"""``twoway status``: what the realm holds, what runs, and what needs attention."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.options import json_option
from twoway.cli.output import Output, in_words
from twoway.cli.realms import RealmPlace, realm_option

if TYPE_CHECKING:
    from twoway.realm.realm import Realm

# Days to look ahead: time enough to ask a partner for its next certificate.
SOON_DAYS = 30


@click.command()
@realm_option
@json_option
def status(place: RealmPlace, out: Output) -> None:
    """Show what the realm holds, which gateways run, and what ends soon."""
    with place.opened() as realm:
        data = facts(realm)
    if out.json:
        out.record(data)
        return
    held = ("clients", "services", "endpoints", "identities")
    counts = {name: counted(data[name]) for name in held}
    out.record({**data["realm"], **counts})
    pid = data["control_plane"]
    click.echo(
        f"control plane: process {pid}" if pid else "control plane: none on this machine (twoway serve)"
    )
    for node in data["gateways"]:
        up = "up to date" if node["current"] else f"at revision {node['acknowledged_revision']}"
        # A control plane that was killed could not write down that its gateways are alone now.
        alone = pid is None and node["state"] == "connected"
        at = in_words(node["at"])
        how = f"alone since about {at}, {up}" if alone else f"{node['state']}, {up}, heard of at {at}"
        click.echo(f"gateway {node['name']}: {how}")
    if not data["gateways"]:
        click.echo("no gateway has joined yet: twoway serve starts one")
    for one in data["expiring"]:
        click.echo(f"{one.kind} {one.name} ends at {in_words(one.not_after)}: {in_words(one.remedy)}")


def facts(realm: Realm) -> dict[str, Any]:
    """Return the state of a realm as --json shows it."""
    from twoway.gateway.runtime import control_plane
    from twoway.realm import clients, endpoints, expiry, gateways, services, vault

    record, process = realm.record(), control_plane(realm.directory)
    with realm.reading() as connection:
        return {
            "realm": {
                "name": record.name,
                "directory": realm.directory,
                "created": record.created,
                "revision": record.revision,
                "unlock": record.unlock_method,
            },
            "control_plane": process.pid if process else None,
            "clients": dict(Counter(one.state for one in clients.clients(connection))),
            "services": [one.name for one in services.services(connection)],
            "endpoints": [one.name for one in endpoints.endpoints(connection)],
            "identities": [f"{one.owner}/{one.name}" for one in vault.entries(connection)],
            "gateways": [
                {
                    "name": node.name,
                    "state": node.state,
                    "acknowledged_revision": node.acknowledged_revision,
                    "current": node.acknowledged_revision >= record.revision,
                    "at": node.at,
                }
                for node in gateways.nodes(connection)
            ],
            "expiring": list(expiry.expiring(connection, datetime.now(UTC), days=SOON_DAYS)),
        }


def counted(held: dict[str, int] | list[str]) -> str:
    """Say what there is."""
    return (
        ", ".join(held)
        if isinstance(held, list)
        else ", ".join(f"{count} {state}" for state, count in held.items())
    )
