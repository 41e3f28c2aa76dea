"""What a shell completes besides commands and options: names of platforms, and of what the realm holds.

Nothing here may fail or ask: where there is no realm, nothing is completed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from twoway.platforms.platform import Use

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def platforms(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete a platform's name."""
    from twoway.platforms.catalogue import PLATFORMS

    return [one.name for one in PLATFORMS if one.name.startswith(incomplete)]


def uses(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete a use of the platform that was named before."""
    return [use.name for use in _uses(context) if use.name.startswith(incomplete)]


def settings(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a setting, of the use that was named before or of any."""
    named = context.params.get("use_name")
    chosen = [use for use in _uses(context) if named in {None, use.name}]
    names = dict.fromkeys(f"{setting.name}=" for use in chosen for setting in use.settings)
    return [name for name in names if name.startswith(incomplete)]


def clients(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete a client's name."""
    from twoway.realm import clients as realm_clients

    return _of_realm(context, incomplete, lambda one: [found.name for found in realm_clients.clients(one)])


def endpoints(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete an endpoint's name."""
    from twoway.realm import endpoints as realm_endpoints

    return _of_realm(
        context, incomplete, lambda one: [found.name for found in realm_endpoints.endpoints(one)]
    )


def services(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete a service's name."""
    from twoway.realm import services as realm_services

    return _of_realm(context, incomplete, lambda one: [found.name for found in realm_services.services(one)])


def _uses(context: click.Context) -> tuple[Use, ...]:
    from twoway.errors import UsageError
    from twoway.platforms.catalogue import find

    # An option that has no value yet ends click's parsing, before it knows which argument is which.
    named = context.params.get("platform") or next(iter(context.args), "")
    try:
        return find(str(named)).uses
    except UsageError:
        return ()


def _of_realm(context: click.Context, incomplete: str, names: Callable[[Connection], list[str]]) -> list[str]:
    from twoway.errors import TwowayError
    from twoway.realm.places import default_directory
    from twoway.realm.realm import Realm

    place = context.params.get("realm")
    try:
        with (
            Realm.open(Path(place) if place else default_directory()) as realm,
            realm.reading() as connection,
        ):
            return [name for name in names(connection) if name.startswith(incomplete)]
    except (TwowayError, OSError):
        return []
