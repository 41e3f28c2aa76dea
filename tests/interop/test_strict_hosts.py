"""Every real client at a host that ends a stranger's handshake."""

from __future__ import annotations

import pytest

from tests.interop.partners import Partners
from tests.interop.told import assert_told
from tests.interop.visitors import CHROMIUM, CURL, GO, JAVA, NODE, Trust, Visitor
from tests.parts.answers import NoAnswer
from tests.parts.tomcat import Tomcat

KINDS = ("issued", "pinned", "pinned-of-a-ca", "partner-ca", "partner-ca-alone")
# The two curls differ in what they load, not in how they shake hands.
STRICT = (CURL, JAVA, NODE, GO, CHROMIUM)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("visitor", STRICT, ids=str)
def test_known_client_is_answered(
    visitor: Visitor, kind: str, strict: str, partners: Partners, trust: Trust
) -> None:
    """Those that send only what the server names send theirs: the host names every issuer that it must."""
    credential = partners.credential(kind, visitor.form)
    seen = visitor.visit(strict, trust, credential.files)
    assert seen.status in {200, None}
    # Chromium sends what lies between its certificate and a named CA.
    issuers = credential.certificates[1:] if visitor.sends_issuers or kind == "partner-ca" else ()
    assert_told(seen, credential, issuers)


@pytest.mark.parametrize("visitor", STRICT, ids=str)
def test_stranger_is_not_answered(
    visitor: Visitor, strict: str, partners: Partners, trust: Trust, backend: Tomcat
) -> None:
    """There is no HTTP at all, and nothing reaches the upstream."""
    before = backend.count()
    with pytest.raises(NoAnswer):
        visitor.visit(strict, trust, partners.stranger(visitor.form).files)
    assert before == backend.count()


@pytest.mark.parametrize("visitor", STRICT, ids=str)
def test_without_a_certificate_there_is_no_answer(
    visitor: Visitor, strict: str, trust: Trust, backend: Tomcat
) -> None:
    """The same client that is answered with its certificate."""
    before = backend.count()
    with pytest.raises(NoAnswer):
        visitor.visit(strict, trust, None)
    assert before == backend.count()
