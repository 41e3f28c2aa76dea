"""A kit: all that one platform needs for its side of a link, as the files of a folder. Pure.

keep/            what stays with us: the keystore, configuration to paste
send/            what the other side must get, never a secret
STEPS.md         what to do, in the platform's own words
preflight.json   what was checked
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from twoway import keystores
from twoway.errors import FormatUnknown, SecretInHandover
from twoway.findings import Finding, Severity, worst_first
from twoway.keystores.model import Format
from twoway.keystores.pkcs12_profile import profile_of
from twoway.platforms import steps
from twoway.platforms.order import Order
from twoway.platforms.platform import File, Platform, Rendered, Use
from twoway.platforms.preflight import preflight
from twoway.platforms.presented import Presented, is_bare_key, is_chain, with_chain
from twoway.verdicts import concluded

KEEP, SEND = "keep/", "send/"
_PEM = b"-----BEGIN "
STEPS, REPORT = "STEPS.md", "preflight.json"


@dataclass(frozen=True, slots=True)
class Kit:
    """The files of a kit, and what was found.

    Args:
        platform: whose it is.
        use: what for.
        files: each with its path within the folder.
        findings: of the preflight and of the making, the errors first.
    """

    platform: Platform
    use: Use
    files: tuple[File, ...]
    findings: tuple[Finding, ...]


def made(platform: Platform, use: Use, order: Order, found: tuple[Finding, ...] = ()) -> Kit:
    """Make a kit.

    Args:
        platform: whose it is.
        use: what for.
        order: what it is made of.
        found: what is known already, such as certificates that did not belong where they were given.

    Raises:
        FormatCannotHold, PasswordUnusable: the platform's file cannot be written of this.
    """
    order, renamed = _spelled(order, use)
    rendered = use.render(order)
    findings = [*found, *renamed, *rendered.notes]
    for presented, trust in _looked_at(rendered.keep, order):
        findings += preflight(platform, use.for_trust() if trust else use, presented)
    ordered = worst_first(findings)
    return Kit(platform, use, _files(platform, use, order, rendered, ordered), ordered)


def _spelled(order: Order, use: Use) -> tuple[Order, tuple[Finding, ...]]:
    """Return the order with its aliases in lower case where the platform has them so, and say that it was done."""
    lower = order.alias.lower()
    if not use.accepts.alias or not use.accepts.alias.lower:
        return order, ()
    trusted = tuple(replace(entry, alias=entry.alias.lower()) for entry in order.trusted)
    spelled = replace(order, identity=replace(order.identity, alias=lower), trusted=trusted)
    return spelled, () if lower == order.alias else (_alias_lowered(order.alias, lower),)


def _alias_lowered(alias: str, lower: str) -> Finding:
    return Finding(
        "alias-lowered",
        Severity.INFO,
        f"the alias {alias!r} is written as {lower!r}",
        "Java's keystores know aliases in lower case only, and nobody could read one that is written otherwise",
        f"use {lower!r} wherever the platform asks for the alias",
        facts={"alias": lower, "asked": alias},
    )


def _looked_at(files: tuple[File, ...], order: Order) -> Iterator[tuple[Presented, bool]]:
    """Return the files as the preflight looks at them, and which of them say whom to trust.

    PEM files are looked at as one, and so are a bare key in another format and its chain.
    """
    parts = [file for file in files if file.content.startswith(_PEM) and not file.trust]
    once = [replace(file, content=b"".join(part.content for part in parts)) for file in parts[:1]]
    once += [file for file in files if file not in parts]
    seen = [(presented, file.trust) for file in once if (presented := _presented(file, order))]
    keys = [one for one, trust in seen if not trust and is_bare_key(one)]
    chains = [one for one, trust in seen if not trust and is_chain(one)]
    if len(keys) == len(chains) == 1:
        yield with_chain(keys[0], chains[0]), False
        seen = [one for one in seen if one[0] not in (keys[0], chains[0])]
    yield from seen


def _presented(file: File, order: Order) -> Presented | None:
    """Return a file of the kit as its platform will see it, or None where it holds no keys or certificates."""
    try:
        keystore = keystores.load(file.content, order.password or None)
    except FormatUnknown:
        return None
    profile = profile_of(file.content) if keystore.format is Format.PKCS12 else None
    return Presented(
        file.name,
        len(file.content),
        keystore,
        order.at,
        order.password,
        profile,
        content=file.content,
        settings=order.settings,
    )


def _files(
    platform: Platform, use: Use, order: Order, rendered: Rendered, findings: tuple[Finding, ...]
) -> tuple[File, ...]:
    for file in rendered.send:
        if file.secret:
            raise SecretInHandover(file.name)
    target = f"{platform.name} {use.name}: {order.leaf.subject}"
    checked = json.dumps(concluded(target, findings).as_json(), indent=2) + "\n"
    return (
        *(replace(file, name=KEEP + file.name) for file in rendered.keep),
        *(replace(file, name=SEND + file.name) for file in rendered.send),
        File(STEPS, steps.text(platform, use, order, rendered, findings).encode(), "what to do"),
        File(REPORT, checked.encode(), "what was checked"),
    )
