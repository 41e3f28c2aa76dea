"""What strict hosts trust, where not everything fits."""

from __future__ import annotations

from twoway.gateway.compose import Anchor, _fitting
from twoway.x509.names import CA_NAMES_OCTETS

SERVICES = frozenset({1})


def anchor(number: int, octets: int, issuer: bytes = b"") -> Anchor:
    """An anchor whose name takes this much of a certificate request."""
    return Anchor(b"%d" % number, number.to_bytes(octets - 2), SERVICES, issuer)


def test_what_does_not_fit_leaves_the_others_in() -> None:
    """The youngest is left out, not everybody."""
    half = CA_NAMES_OCTETS // 2
    first, second, third, small = anchor(1, half), anchor(2, half - 10), anchor(3, half), anchor(4, 10)
    assert (first, second, small) == _fitting([first, second, third, small], ())


def test_names_that_a_service_configures_come_first() -> None:
    """They were counted when they were configured."""
    assert () == _fitting([anchor(1, 100)], [b"x" * (CA_NAMES_OCTETS - 2 - 99)])


def test_name_takes_room_once() -> None:
    """Two pinned certificates of one issuer name it once."""
    issuer = b"x" * (CA_NAMES_OCTETS - 2 - 20)
    both = (anchor(1, 10, issuer), anchor(2, 10, issuer))
    assert both == _fitting(both, ())
