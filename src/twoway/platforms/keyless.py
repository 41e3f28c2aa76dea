"""A kit for somebody whose private key stays where it was made: all but the files that hold the key. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from twoway.findings import Finding
from twoway.keystores.model import Format, Keystore, TrustedEntry
from twoway.platforms import certificate_rules
from twoway.platforms.kit import KEEP, REPORT, STEPS, Kit
from twoway.platforms.platform import File, Platform, Use
from twoway.platforms.preflight import weighed
from twoway.platforms.presented import Presented
from twoway.verdicts import concluded
from twoway.x509.certificates import Certificate, pem_bundle

CHAIN, TRUST = "certificate.pem", "server-ca.pem"


@dataclass(frozen=True, slots=True)
class Keyless:
    """What a kit without its key is made of.

    Args:
        certificates: the chain, leaf first.
        trusted: anchors for the other side.
        alias: what the identity is to be called.
        at: now, aware UTC.
        peer: the other side's URL; empty if nobody said.
        settings: those that were given.
    """

    certificates: tuple[Certificate, ...]
    trusted: tuple[Certificate, ...]
    alias: str
    at: datetime
    peer: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def made_without_key(platform: Platform, use: Use, order: Keyless, found: Sequence[Finding] = ()) -> Kit:
    """Make what can be made without the key, with the command that makes the rest where the key is.

    Args:
        platform: whose it is.
        use: what for.
        order: what it is made of.
        found: what is known already.
    """
    findings = weighed(platform, (*found, *_checked(order, use)))
    target = f"{platform.name} {use.name}: {order.certificates[0].subject}"
    report = json.dumps(concluded(target, findings).as_json(), indent=2) + "\n"
    anchors = pem_bundle(order.trusted)
    files = (
        File(KEEP + CHAIN, pem_bundle(order.certificates), "the certificate, then its issuers"),
        *((File(KEEP + TRUST, anchors, "whom to trust"),) if order.trusted else ()),
        File(STEPS, _steps(platform, use, order, findings).encode(), "what to do"),
        File(REPORT, report.encode(), "what was checked"),
    )
    return Kit(platform, use, files, findings)


def _checked(order: Keyless, use: Use) -> Iterator[Finding]:
    entries = tuple(TrustedEntry(f"chain_{n}", one) for n, one in enumerate(order.certificates))
    file = Presented(CHAIN, 0, Keystore(entries, Format.PEM), order.at)
    yield from certificate_rules.key_kind(CHAIN, order.alias, order.certificates[0], use.accepts)
    yield from certificate_rules.dates(file, use.accepts)
    yield from certificate_rules.strength(file, use.accepts)


def _steps(platform: Platform, use: Use, order: Keyless, findings: Sequence[Finding]) -> str:
    leaf = order.certificates[0]
    notes = [f"- **{one.severity}:** {one.title}: {one.remedy}" for one in findings]
    before = "\n".join(["", "## Before you begin", "", *notes, ""]) if notes else ""
    alias = shlex.quote(order.alias)
    return f"""# {platform.title}: {use.title}

For `{leaf.subject}`, valid until {leaf.not_after:%Y-%m-%d}. Made on {order.at:%Y-%m-%d}.

The private key is where the request was made, and nowhere else. So this folder has all but the files that hold it.
{before}
## What you do

1. Bring `keep/` to the machine that has the key, and make the rest there, with the name of your key's file:

   ```
   {_command(platform, use, order)}
   ```

   `STEPS.md` in the folder that this makes has the steps for {platform.title}.
2. Without twoway: `openssl pkcs12 -export -inkey YOUR.key -in keep/{CHAIN} -name {alias} -out client.p12` puts key and
   certificate together, for whatever takes a PKCS#12.

## What the other side does

Nothing: it issued this certificate, and knows it.
"""


def _command(platform: Platform, use: Use, order: Keyless) -> str:
    words = ["twoway", "kit", platform.name, "--use", use.name, "--key", "YOUR.key"]
    words += ["--certificate", f"keep/{CHAIN}", "--alias", order.alias]
    words += ["--trust", f"keep/{TRUST}"] if order.trusted else []
    words += ["--peer", order.peer] if order.peer else []
    for name, value in order.settings.items():
        words += ["--set", f"{name}={value}"]
    return shlex.join(words)
