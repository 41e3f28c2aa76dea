"""``twoway check``: whether files are sound for what they are meant for, and if not, where they break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.fitness import Target, Wanted, fitness, platform_options
from twoway.cli.options import PasswordSource, json_option, password_options
from twoway.cli.output import Output, echo_json, note, printable
from twoway.cli.reading import STDIN, Loaded, Passwords, load, material_options, together
from twoway.errors import TrustUnusable, UsageError
from twoway.findings import Finding

if TYPE_CHECKING:
    from twoway.diagnosis.verification import Trial
    from twoway.verdicts import Undone, Verdict
    from twoway.x509.certificates import Certificate


class Moment(click.ParamType[datetime]):
    """A date, or a date and a time, in UTC unless it says otherwise."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment, aware."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(f"{value!r} is no date such as 2027-03-15 or 2027-03-15T12:00Z", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command()
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(allow_dash=True),
    help="What is checked, together.",
)
@click.option(
    "--trust",
    multiple=True,
    metavar="FILE",
    type=click.Path(),
    help="What the other side trusts: a CA's certificate, or a truststore; repeatable.",
)
@password_options("trust-password", "The password of the truststore")
@platform_options
@click.option("--purpose", type=click.Choice(["client", "server"]), help="Which side of TLS it is for.")
@click.option("--host", metavar="NAME", help="The host that clients call: the certificate must be for it.")
@click.option("--at", type=Moment(), metavar="DATE", help="As of when (default: now).")
@click.option("--alias", help="Only this identity, where a keystore holds several.")
@material_options
@json_option
def check(
    files: tuple[str, ...],
    trust: tuple[str, ...],
    trust_password: PasswordSource,
    wanted: Wanted,
    purpose: str | None,
    host: str | None,
    at: datetime | None,
    alias: str | None,
    passwords: Passwords,
    out: Output,
) -> int:
    """Check that files are what a platform takes, or that a chain verifies, or both; if not, say where it breaks.

    The FILEs belong together: a keystore, or a key, its certificate and its chain, and with --for a truststore beside
    it. --for holds them against the platform's own rules. --trust names what the other side trusts; nothing else is
    trusted. Without --purpose and --for a certificate is checked as a client's, or as a server's where --host is given
    or it allows nothing else. Not checked: revocation.

    The status is 0 where it is sound, 1 where it is broken, 3 where that could not be found out.
    """
    from twoway.verdicts import concluded

    target = wanted.target()
    if not trust and target is None:
        raise UsageError(
            "there is nothing to check against", "say --for PLATFORM, or --trust CA.pem, or both"
        )
    purpose = side_of(target, purpose, host, verified=bool(trust))
    if [*files, *trust].count(STDIN) > 1:
        raise UsageError("stdin can be read once", "give - once, and the others as files")
    moment = at or datetime.now(UTC)
    passwords.ready()
    loaded = [load(file, passwords, listed=True) for file in files]
    trials: list[Trial] = []
    # One question, one function: it takes what was loaded and returns findings, which are concluded from together.
    anchors = anchors_in(trust, trust_password, passwords)
    findings: list[Finding] = []
    unknown: tuple[Undone, ...] = ()
    if trust:
        findings += chain_findings(
            loaded, anchors, trials.append, at=moment, purpose=purpose, host=host, alias=alias
        )
    if target is not None:
        fit = fitness(target, loaded, at=moment, alias=alias, host=host)
        findings += fit.findings
        unknown = fit.unknown
    verdict = concluded(" ".join(files), findings, unknown)
    if out.json:
        echo_json(verdict.as_json())
    else:
        show(verdict, trials, moment, out)
    return verdict.exit_status


def side_of(target: Target | None, purpose: str | None, host: str | None, *, verified: bool) -> str | None:
    """Return which side of TLS the files are for, as --purpose or else the platform's use says.

    Raises:
        UsageError: the options contradict each other.
    """
    from twoway.x509.purposes import Purpose

    if target is None or target.use.accepts.purpose is None:
        return purpose
    said = "client" if target.use.accepts.purpose is Purpose.CLIENT else "server"
    if purpose not in {None, said} or (purpose and not verified):
        raise UsageError(
            f"--purpose {purpose}: for {target.use.title} it is {said}", "leave --purpose out, or see --use"
        )
    if host is not None and said != "server":
        raise UsageError(
            f"--host is the name of a server, and here {target.use.title}", "leave it out, or see --use"
        )
    return said


def anchors_in(
    trust: Sequence[str], password: PasswordSource, passwords: Passwords
) -> tuple[Certificate, ...]:
    """Return the certificates that are trusted.

    Raises:
        TrustUnusable: a file has none.
    """
    from twoway.diagnosis.contents import certificates_of

    found: list[Certificate] = []
    reading = Passwords(password, passwords.key)
    for source in trust:
        keystore = load(source, reading).keystore
        own = [entry.certificate for entry in keystore.trusted]
        # A server's own PEM with its key beside it may be pinned, too.
        own = own or [one for entry in keystore.entries for one in certificates_of(entry)]
        if not own:
            raise TrustUnusable(f"there is no certificate in {printable(source)}")
        found += own
    return tuple(found)


def chain_findings(
    loaded: Sequence[Loaded],
    anchors: Sequence[Certificate],
    tried: Callable[[Trial], None],
    *,
    at: datetime,
    purpose: str | None,
    host: str | None,
    alias: str | None,
) -> list[Finding]:
    """Return what is wrong with the chains of what was loaded, and hand over each that was tried.

    Raises:
        CertificateNotFound: there is no certificate at all.
        EntryMissing: there is no entry of that name.
    """
    from dataclasses import replace

    from twoway.diagnosis import contents, verification
    from twoway.errors import CertificateNotFound, KeyMismatch
    from twoway.x509.purposes import Purpose

    side = None if purpose is None else Purpose.CLIENT if purpose == "client" else Purpose.SERVER
    try:
        keystore = together([one.keystore for one in loaded])
    except KeyMismatch as error:
        return [error.finding()]
    if alias is not None:
        chosen = keystore.entry(alias)
        rest = [entry for entry in keystore.trusted if entry is not chosen]
        keystore = replace(keystore, entries=(chosen, *rest))
    chains = verification.subjects(keystore)
    if not chains:
        raise CertificateNotFound("it holds keys alone")
    findings = [*keystore.findings, *contents.mismatches(keystore), *contents.locked(keystore)]
    for chain in chains:
        trial = verification.tried(chain, anchors, at=at, purpose=side, host=host)
        tried(trial)
        findings += trial.findings
    return findings


def show(verdict: Verdict, trials: Sequence[Trial], at: datetime, out: Output) -> None:
    """Say the verdict on stdout, the way of each chain below it, and the findings on stderr."""
    from twoway.cli.trees import ending
    from twoway.diagnosis.contents import sight

    click.echo(printable(f"{verdict.target}: {verdict.outcome}"))
    for trial in trials:
        if not trial.path:
            click.echo(printable(f"  {sight(trial.leaf).subject}: no sound way to what is trusted"))
            continue
        click.echo(f"  verified for {trial.purpose}, up to what is trusted:")
        for depth, certificate in enumerate(trial.path):
            mark = "" if depth == 0 else "└ "
            text = f"{certificate.subject}, {ending(certificate.not_after, at)}"
            click.echo(printable(f"    {'  ' * depth}{mark}{text}"))
    out.findings(verdict.findings)
    for undone in verdict.unknown:
        note(f"not checked: {undone.check}: {undone.why}")
