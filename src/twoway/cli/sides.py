"""The sides of a link that kits are made for, and where each one's identity and trust come from: files or the realm."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from twoway.cli.material import NamedFile, NamedFileType, identity_in, named_certificates
from twoway.cli.options import Command, PasswordSource, password_options, type_of_file
from twoway.errors import UsageError
from twoway.findings import Finding, Severity

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from twoway.platforms.order import Named
    from twoway.platforms.platform import Platform, Use
    from twoway.realm.bindings import Issued
    from twoway.realm.change import Change
    from twoway.realm.kits import Parts
    from twoway.x509.certificates import Certificate
    from twoway.x509.identity import Identity
    from twoway.x509.keys import PrivateKey


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a link.

    Args:
        platform: what it runs on.
        use: what for.
        given: its settings, each as NAME=VALUE.
        source: where its identity and its trust come from.
        folder: where its kit goes within the whole, with a slash behind; empty for a kit alone.
    """

    platform: Platform
    use: Use
    given: tuple[str, ...]
    source: Source
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """What one side's kit is made of.

    Args:
        key: None where it stays with whoever made the request.
        certificates: the leaf, and what came with it.
        alias: what the identity is called.
        others: given as its issuers.
        trusted: anchors for the other side.
        vouchers: what the other side trusts to know this one.
        peer: the link's URL as the realm knows it.
        settings: what the realm knows of the platform's settings.
        findings: what is worth knowing.
        issued: the certificate that was issued for it.
    """

    key: PrivateKey | None = field(repr=False)
    certificates: tuple[Certificate, ...]
    alias: str
    others: tuple[Named, ...] = ()
    trusted: tuple[Named, ...] = ()
    vouchers: tuple[Certificate, ...] = ()
    peer: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    issued: Issued | None = None


class Source(Protocol):
    """Where one side's identity and trust come from."""

    @property
    def of_realm(self) -> bool:
        """Whether a realm is needed."""

    @property
    def keyless(self) -> bool:
        """Whether the private key stays with somebody else."""

    def trusts(self, connection: Connection) -> tuple[Certificate, ...]:
        """Return what the realm makes this side trust."""

    def vouchers(self, connection: Connection) -> tuple[Certificate, ...]:
        """Return what the realm makes the other side trust."""

    def material(self, side: Side, change: Change | None) -> Material:
        """Return what the kit is made of.

        Args:
            side: what it is for.
            change: of the realm; None where none is needed.
        """


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Files that hold a side's identity, and whom it trusts.

    Args:
        identity: a keystore, or PEM.
        key: instead: the private key,
        certificate: and its certificate.
        chain: its issuers.
        trust: anchors for the other side.
        alias: what it is called in the kit.
        password: of the identity.
        key_password: of the key.
        prefix: of the options' names.
    """

    identity: Path | None
    key: Path | None
    certificate: Path | None
    chain: tuple[NamedFile, ...]
    trust: tuple[NamedFile, ...]
    alias: str | None
    password: PasswordSource
    key_password: PasswordSource
    prefix: str = ""

    @property
    def given(self) -> bool:
        """Whether it names an identity."""
        return self.identity is not None or self.key is not None

    @property
    def of_realm(self) -> bool:
        """It needs no realm."""
        return False

    @property
    def keyless(self) -> bool:
        """The key is among the files."""
        return False

    def trusts(self, _connection: Connection) -> tuple[Certificate, ...]:
        """Return what the options name."""
        return tuple(one.certificate for one in named_certificates(self.trust))

    def vouchers(self, _connection: Connection) -> tuple[Certificate, ...]:
        """The realm adds nothing."""
        return ()

    def material(self, _side: Side, _change: Change | None) -> Material:
        """Return what is in the files.

        Raises:
            UsageError: no identity is named, or two are.
        """
        from twoway.platforms.order import alias_of
        from twoway.x509.chains import in_order
        from twoway.x509.keys import spki_sha256

        if (self.identity is None) == (self.key is None):
            dashes = f"--{self.prefix}"
            raise UsageError(
                "an identity is needed",
                f"give {dashes}identity FILE, or {dashes}key FILE and {dashes}certificate FILE",
            )
        found = identity_in(self.identity, self.key, self.certificate, self.password, self.key_password)
        own = spki_sha256(found.key.public_key())
        leaf = next((one for one in found.certificates if one.spki_sha256 == own), found.certificates[0])
        others = named_certificates(self.chain)
        pool = (*found.certificates, *(one.certificate for one in others))
        return Material(
            found.key,
            found.certificates,
            self.alias or found.alias or alias_of(leaf),
            others,
            (*found.trusted, *named_certificates(self.trust)),
            in_order(leaf, pool).certificates[1:] or (leaf,),
        )


@dataclass(frozen=True, slots=True)
class OfClient:
    """A client of ours, with a certificate that is issued for it, or one that it has.

    Args:
        name: the client's.
        files: its identity, where it has one; and what else it trusts.
        key: made for it; None where it has one, or brings a request.
        request: its CSR.
        days: of validity.
        names: alternative names of the certificate.
    """

    name: str
    files: FileIdentity
    key: PrivateKey | None = field(default=None, repr=False)
    request: bytes | None = None
    days: int | None = None
    names: tuple[str, ...] = ()

    @property
    def of_realm(self) -> bool:
        """It is."""
        return True

    @property
    def keyless(self) -> bool:
        """It stays with whoever made the request."""
        return self.request is not None

    def trusts(self, connection: Connection) -> tuple[Certificate, ...]:
        """Return what its services' certificates come from."""
        from twoway.realm import kits

        return tuple(one.certificate for one in kits.of_client(connection, self.name).trusted)

    def vouchers(self, connection: Connection) -> tuple[Certificate, ...]:
        """Return our CAs, where we issue."""
        from twoway.realm import authorities

        if self.files.given:
            return ()
        return (*authorities.anchors(connection), *authorities.issuers(connection))

    def material(self, side: Side, change: Change | None) -> Material:
        """Issue a certificate, or take the client's own."""
        from twoway.platforms.platform import Root
        from twoway.realm import authorities, bindings, kits

        assert change is not None  # noqa: S101  of_realm says so
        parts = kits.of_client(change.connection, self.name)
        if self.files.given:
            own = self.files.material(side, change)
            unknown = tuple(_unknown(change.connection, self.name, own.certificates))
            return _with(own, parts, unknown)
        issued = bindings.issue(
            change, self.name, days=self.days, request=self.request, names=self.names, key=self.key
        )
        anchors = authorities.anchors(change.connection)
        change.audit("kit.make", self.name, platform=side.platform.name, sha256=issued.certificate.sha256)
        chain = (*issued.chain, *anchors) if side.use.accepts.root is Root.IN else issued.chain
        made = Material(
            issued.key,
            (issued.certificate, *chain),
            self.files.alias or parts.alias,
            trusted=named_certificates(self.files.trust),
            vouchers=self.vouchers(change.connection),
            issued=issued,
        )
        return _with(made, parts)


@dataclass(frozen=True, slots=True)
class OfEndpoint:
    """An endpoint: the identity that we call a partner with, from the vault.

    Args:
        name: the endpoint's.
        files: what else it trusts, and its alias.
    """

    name: str
    files: FileIdentity

    @property
    def of_realm(self) -> bool:
        """It is."""
        return True

    @property
    def keyless(self) -> bool:
        """The key is in the vault."""
        return False

    def trusts(self, connection: Connection) -> tuple[Certificate, ...]:
        """Return whom the endpoint trusts."""
        from twoway.realm import kits

        return tuple(one.certificate for one in kits.of_endpoint(connection, self.name).trusted)

    def vouchers(self, _connection: Connection) -> tuple[Certificate, ...]:
        """Its identity was brought: what knows it is in its own chain."""
        return ()

    def material(self, side: Side, change: Change | None) -> Material:
        """Take the identity out of the vault."""
        from twoway.realm import kits

        assert change is not None  # noqa: S101  of_realm says so
        parts = kits.of_endpoint(change.connection, self.name)
        identity = kits.identity_of_endpoint(change, self.name, platform=side.platform.name)
        return _taken(identity, parts, self.files)


@dataclass(frozen=True, slots=True)
class OfService:
    """A service: its host's identity from the vault, and the clients that may call it.

    Args:
        name: the service's.
        files: what else it trusts, and its alias.
    """

    name: str
    files: FileIdentity

    @property
    def of_realm(self) -> bool:
        """It is."""
        return True

    @property
    def keyless(self) -> bool:
        """The key is in the vault."""
        return False

    def trusts(self, connection: Connection) -> tuple[Certificate, ...]:
        """Return what its clients are known by."""
        from twoway.realm import kits

        given = (one.certificate for one in named_certificates(self.files.trust))
        return (*(one.certificate for one in kits.of_service(connection, self.name).trusted), *given)

    def vouchers(self, _connection: Connection) -> tuple[Certificate, ...]:
        """Its chain goes up to the root."""
        return ()

    def material(self, side: Side, change: Change | None) -> Material:
        """Take the identity out of the vault."""
        from twoway.realm import kits

        assert change is not None  # noqa: S101  of_realm says so
        parts = kits.of_service(change.connection, self.name)
        identity = kits.identity_of_service(change, self.name, platform=side.platform.name)
        return _taken(identity, parts, self.files)


def no_files(alias: str | None) -> FileIdentity:
    """Return what stands for no files at all.

    Args:
        alias: what the identity is called in the kit, where the user said.
    """
    nothing = PasswordSource("password", None, None)
    return FileIdentity(None, None, None, (), (), alias, nothing, nothing)


def _taken(identity: Identity, parts: Parts, files: FileIdentity) -> Material:
    made = Material(
        identity.key,
        identity.certificates,
        files.alias or parts.alias,
        trusted=named_certificates(files.trust),
        vouchers=identity.certificates[1:] or identity.certificates,
    )
    return _with(made, parts)


def _with(own: Material, parts: Parts, more: Sequence[Finding] = ()) -> Material:
    """Return material with what the realm knows of the link."""
    from dataclasses import replace

    return replace(
        own,
        trusted=(*parts.trusted, *own.trusted),
        peer=parts.peer,
        settings=parts.settings,
        findings=(*own.findings, *parts.findings, *more),
    )


def _unknown(connection: Connection, client: str, certificates: Sequence[Certificate]) -> Iterator[Finding]:
    """The gateway has to know the certificate that the kit is made with."""
    from twoway.realm import bindings
    from twoway.realm.states import BindingState

    active = [one for one in bindings.bindings(connection, client) if one.state == BindingState.ACTIVE]
    known = {one.sha256 for one in active}
    authorities = [bindings.certificates_of(one)[0] for one in active]
    leaf = certificates[0]
    if known & {one.sha256 for one in certificates} or any(leaf.signed_by(one) for one in authorities):
        return
    yield Finding(
        "kit-certificate-unknown-to-realm",
        Severity.WARNING,
        f"{client} is not known by {leaf.subject}: the gateway would refuse it",
        "none of the client's active bindings is this certificate, or a CA that issued it",
        f"twoway client accept {client} --certificate FILE",
        facts={"client": client, "subject": leaf.subject, "sha256": leaf.sha256},
    )


def file_identity_options(name: str, prefix: str, whose: str) -> Callable[[Command], Command]:
    """Add the options that name an identity's files, which the command gets as one ``FileIdentity``.

    Args:
        name: of the command's argument.
        prefix: of the options' names, empty or with a dash behind.
        whose: for the help.
    """
    key = prefix.replace("-", "_")

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def combined(**values: Any) -> Any:
            parts = {part: values.pop(f"{key}{part}") for part in _PARTS}
            return command(**values, **{name: FileIdentity(**parts, prefix=prefix)})

        decorated: Command = combined
        for option in reversed(_options(prefix, whose)):
            decorated = option(decorated)
        return decorated

    return decorate


_PARTS = ("identity", "key", "certificate", "chain", "trust", "alias", "password", "key_password")


def _options(prefix: str, whose: str) -> tuple[Callable[[Command], Command], ...]:
    def named(option: str, about: str) -> Callable[[Command], Command]:
        return click.option(
            f"--{prefix}{option}", type=NamedFileType(), multiple=True, metavar="FILE[=ALIAS]", help=about
        )

    return (
        click.option(
            f"--{prefix}identity",
            type=type_of_file,
            metavar="FILE",
            help=f"A keystore or PEM file with {whose} key and chain.",
        ),
        click.option(
            f"--{prefix}key",
            type=type_of_file,
            metavar="FILE",
            help=f"Instead of --{prefix}identity: the private key,",
        ),
        click.option(
            f"--{prefix}certificate", type=type_of_file, metavar="FILE", help="and its certificate."
        ),
        named("chain", "Issuers of that certificate; repeatable."),
        named("trust", "CAs or certificates of the other side, to be trusted; repeatable."),
        click.option(
            f"--{prefix}alias",
            help="What the identity is called in the kit (default: as in the file, or by its name).",
        ),
        password_options(f"{prefix}password", "That identity's password"),
        password_options(f"{prefix}key-password", "That key's password"),
    )
