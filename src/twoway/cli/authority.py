"""``twoway authority``: what our own CA is, and what partners need of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from twoway.cli.files import force_option, refuse_existing, write_file
from twoway.cli.options import json_option
from twoway.cli.output import Output
from twoway.cli.realms import RealmPlace, realm_option
from twoway.errors import UsageError


@click.group()
def authority() -> None:
    """Our own CA: certificates, chain and revocation list."""


@authority.command()
@realm_option
@json_option
def show(place: RealmPlace, out: Output) -> None:
    """Show the root and the issuing CA, and how much they have issued and revoked."""
    from twoway.realm import authorities

    with place.reading() as connection:
        records = authorities.authorities(connection)
        issued = authorities.certificates(connection)
    data = [
        {
            "name": record.name,
            "subject": record.subject,
            "serial": record.serial_hex,
            "sha256": record.sha256,
            "not_before": record.not_before,
            "not_after": record.not_after,
            "issued": sum(one.authority_id == record.id for one in issued),
            "revoked": sum(one.authority_id == record.id and one.state == "revoked" for one in issued),
        }
        for record in records
    ]
    columns = ["name", "subject", "not_after", "issued", "revoked", "sha256"]
    out.table(
        [column.replace("_", " ") for column in columns],
        [[row[name] for name in columns] for row in data],
        data,
    )


@authority.command()
@realm_option
@json_option
def certificate(place: RealmPlace, out: Output) -> None:
    """Print the chain to give to partners, as PEM: the issuing CA, then the root.

    A partner trusts the root to call our services, and nothing else of ours.
    """
    from twoway.realm import authorities
    from twoway.x509.certificates import pem_bundle

    with place.reading() as connection:
        chain = (*authorities.issuers(connection), *authorities.anchors(connection))
    pem = pem_bundle(chain).decode()
    out.text(pem, {"pem": pem, "certificates": [certificate.as_json() for certificate in chain]})


@authority.command()
@click.option("--root", is_flag=True, help="The root's list instead of the issuing CA's.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE.", metavar="FILE"
)
@click.option("--der", is_flag=True, help="Write DER, as CRLs are published, instead of PEM.")
@force_option
@realm_option
@json_option
def crl(root: bool, output: Path | None, der: bool, force: bool, place: RealmPlace, out: Output) -> None:
    """Sign the list of revoked certificates as it is now, and print it."""
    from twoway.realm import authorities
    from twoway.x509 import pem

    if der and output is None:
        raise UsageError(
            "--der without --output would put bytes on the terminal", "name a file with --output"
        )
    # A number is used up by signing: what would be refused is refused before.
    refuse_existing([output] if output else [], force=force)
    with place.opened() as realm:
        name = authorities.ROOT if root else authorities.ISSUING
        signed = authorities.crl(realm, datetime.now(UTC), name=name)
    armoured = pem.encode("X509 CRL", signed)
    if output is None:
        out.text(armoured.decode(), {"pem": armoured.decode()})
        return
    write_file(output, signed if der else armoured, force=force)
    out.done(f"written to {output}", {"file": output})
