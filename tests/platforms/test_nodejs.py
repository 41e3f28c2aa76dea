"""What Node.js makes of a PKCS#12 is known before it happens."""

from __future__ import annotations

from dataclasses import replace

from tests.platforms.material import client, entry, presented
from twoway.keystores.model import Format
from twoway.platforms.nodejs import PLATFORM
from twoway.platforms.preflight import preflight

USE = PLATFORM.uses[0]
WHOLE = entry(client())


def codes(certificates: int, format_: Format, name: str) -> list[str]:
    """What the preflight says of a file with so much of the chain."""
    chain = WHOLE.certificates[:certificates]
    file = presented(replace(WHOLE, certificates=chain), name=name, format=format_, profile="modern")
    return [finding.code for finding in preflight(PLATFORM, USE, file)]


def test_pfx_with_its_root_is_warned_of() -> None:
    """The root would be trusted for the other side."""
    assert ["pfx-root-becomes-trusted", "root-included"] == codes(3, Format.PKCS12, "a.p12")


def test_pfx_without_its_root_is_sound() -> None:
    """Intermediates alone are no anchors."""
    assert [] == codes(2, Format.PKCS12, "a.p12")


def test_pem_with_its_root_is_sound() -> None:
    """A certificate in cert is sent, and nothing else."""
    assert ["root-included"] == codes(3, Format.PEM, "a.pem")
