"""``twoway init``: a realm where there was none."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from twoway.cli.options import json_option
from twoway.cli.output import Output
from twoway.cli.realms import RealmPlace, actor, realm_option
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.realm.unlocking import Unlock

# As twoway.x509.keys has them; written out, so that --help need not import it. A test holds both alike.
ALGORITHMS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ed25519")


@click.command()
@click.option("--name", default="twoway", help="The organisation in the certificates that we issue.")
@click.option(
    "--unlock",
    type=click.Choice(["file", "passphrase", "environment"]),
    help="Where the key that seals everything comes from: a file of mode 0600 in the realm (the default), a "
    "passphrase, or TWOWAY_UNLOCK_KEY.",
)
@click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    default="ec-p256",
    show_default=True,
    help="The algorithm of the CAs' keys.",
)
@realm_option
@json_option
def init(name: str, unlock: str | None, algorithm: str, place: RealmPlace, out: Output) -> None:
    """Make a realm: database, unlock key, root and issuing CA.

    Whenever it is stopped, there is a whole realm or none.
    """
    from twoway.realm.realm import Realm

    way = way_to_unlock(unlock, place)
    place.directory.absolute().parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    with Realm.create(
        place.directory, name=name, at=now, unlock=way, algorithm=algorithm, actor=actor()
    ) as realm:
        facts = {"directory": realm.directory, "name": name, "unlock": way.method}
    out.done(f"realm made in {realm.directory}, unlocked by {in_words(way)}", facts)
    if not out.json:
        out.done("next: twoway service add NAME --upstream URL, then twoway client add NAME --allow NAME", {})


def way_to_unlock(unlock: str | None, place: RealmPlace) -> Unlock:
    """Return the way to the unlock key; passphrase options alone choose the passphrase."""
    from twoway.realm.unlocking import VARIABLE, Environment, KeyFile, Passphrase

    has_passphrase = bool(place.passphrase.file or place.passphrase.variable)
    if has_passphrase and unlock not in {None, "passphrase"}:
        raise UsageError(
            f"--unlock {unlock} needs no passphrase", "leave out --passphrase-file and --passphrase-env"
        )
    if has_passphrase or unlock == "passphrase":
        # Asked twice, and before anything is made.
        passphrase = place.passphrase.or_asked("a passphrase for the realm", twice=True).encode()
        return Passphrase(lambda: passphrase)
    if unlock == "environment" and not os.environ.get(VARIABLE):
        advice = f"make a key, and keep it: export {VARIABLE}=$(openssl rand -base64 32)"
        raise UsageError(f"the environment variable {VARIABLE} is not set", advice)
    return Environment() if unlock == "environment" else KeyFile()


def in_words(way: Unlock) -> str:
    """Say where the unlock key is."""
    return {
        "file": "the file unlock.key in it (keep a copy elsewhere: without it nothing can be opened)",
        "passphrase": "its passphrase (keep it: without it nothing can be opened)",
        "environment": "TWOWAY_UNLOCK_KEY (keep it: without it nothing can be opened)",
    }[way.method]
