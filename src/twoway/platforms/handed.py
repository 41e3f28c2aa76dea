"""Files as somebody has them: which of them make up one identity, and which say whom to trust. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from twoway.keystores.arrangement import Naming, Pool, suggested_alias
from twoway.keystores.model import Format, IdentityEntry, LockedEntry, TrustedEntry
from twoway.keystores.private_keys import public_half
from twoway.platforms.platform import Accepts
from twoway.platforms.presented import Presented, is_chain
from twoway.x509.certificates import Certificate

# Formats in which a key and its chain may lie in several files.
_IN_PARTS = {Format.PEM, Format.DER}


@dataclass(frozen=True, slots=True)
class Handed:
    """A file, or several that the platform sees as one.

    Args:
        file: as it is looked at.
        trust: it says whom to trust.
    """

    file: Presented
    trust: bool


def sorted_out(files: Sequence[Presented], accepts: Accepts) -> tuple[Handed, ...]:
    """Tell what each file is for.

    A key and the files with its certificates are one. A file of certificates that belong to no key says whom to trust,
    if the platform has a file for that, and unless it begins with a certificate that an authority issued to somebody.

    Args:
        files: in the order in which they were named.
        accepts: what the platform takes.
    """
    loose = [file for file in files if is_chain(file)]
    found: list[Handed] = []
    for file in (one for one in files if not is_chain(one)):
        own = _certificates_for(file, loose)
        loose = [one for one in loose if not any(one is other for other in own)]
        found.append(Handed(_joined(file, own) if own else file, trust=False))
    return (*found, *(Handed(file, trust=_says_whom_to_trust(file, accepts)) for file in loose))


def _certificates_for(file: Presented, loose: Sequence[Presented]) -> list[Presented]:
    """Return the files with the certificates of a file's only key, the leaf's first; a wrong one rather than none."""
    entries = [one for one in file.keystore.entries if isinstance(one, IdentityEntry | LockedEntry)]
    parts = [one for one in loose if one.keystore.format in _IN_PARTS]
    if file.keystore.format not in _IN_PARTS or len(entries) != 1 or not parts:
        return []
    pool = Pool((*entries[0].certificates, *(one for part in parts for one in _certificates(part))))
    leaf = _leaf(entries[0], pool)
    if leaf is None:
        return [next((one for one in parts if _begins_with_issued(one)), parts[0])]
    chain = pool.chain(leaf)
    places = {id(part): [chain.index(one) for one in _certificates(part) if one in chain] for part in parts}
    return sorted(
        (part for part in parts if places[id(part)]), key=lambda part: (min(places[id(part)]), part.name)
    )


def _leaf(entry: IdentityEntry | LockedEntry, pool: Pool) -> Certificate | None:
    if entry.certificates:
        return entry.certificates[0]
    if isinstance(entry, LockedEntry):
        return None
    public = public_half(entry.key_der)
    return None if public is None else pool.leaf(public)


def _joined(file: Presented, own: Sequence[Presented]) -> Presented:
    """Return a key and its certificates as one file, as the platform sees them."""
    (entry,) = (one for one in file.keystore.entries if isinstance(one, IdentityEntry | LockedEntry))
    given = tuple(one for part in own for one in _certificates(part))
    every = tuple(dict.fromkeys((*entry.certificates, *given)))
    pem = all(one.keystore.format is Format.PEM for one in (file, *own))
    leaf = _leaf(entry, Pool(every))
    # PEM is put in order by whoever reads it; of a DER chain the platform takes the certificates as they stand.
    chain = Pool(every).chain(leaf) if pem and leaf else every
    beside = [one for one in every if one not in chain]
    whole = (replace(entry, certificates=chain), *_trusted(beside), *file.keystore.trusted)
    order = (file, *own) if entry.certificates else (*own, file)
    return replace(
        file,
        name=f"{file.name} with {', '.join(one.name for one in own)}",
        octets=sum(one.octets for one in order),
        keystore=replace(file.keystore, entries=whole),
        content=b"\n".join(one.content for one in order) if pem else file.content,
    )


def _trusted(certificates: Iterable[Certificate]) -> tuple[TrustedEntry, ...]:
    naming = Naming()
    return tuple(TrustedEntry(naming.alias(suggested_alias(one)), one) for one in certificates)


def _says_whom_to_trust(file: Presented, accepts: Accepts) -> bool:
    if not accepts.trust_apart:
        return False
    return file.keystore.format not in _IN_PARTS or not _begins_with_issued(file)


def _begins_with_issued(file: Presented) -> bool:
    """Whether the first certificate is somebody's that an authority issued: the beginning of a chain."""
    first = next(file.certificates, None)
    return first is not None and not first.is_ca and not first.self_issued


def _certificates(file: Presented) -> tuple[Certificate, ...]:
    return tuple(entry.certificate for entry in file.keystore.trusted)
