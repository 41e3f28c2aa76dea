"""Two-way (mutual) TLS, made to work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from twoway.endpoints.client import Endpoint

__version__ = "0.1.0"


def endpoint(name: str, realm: Path | str | None = None) -> Endpoint:
    """Return an API of a partner, ready to be called with its certificate.

    Args:
        name: as ``twoway endpoint list`` has it.
        realm: its folder; what TWOWAY_REALM names, or else the user's own, if left out.
    """
    from twoway.endpoints.client import opened

    return opened(name, realm)
