"""Every real client with every kind of certificate, through the gateway, to Debian's Tomcat."""

from __future__ import annotations

import pytest
from cryptography import x509

from tests.interop.partners import Partners
from tests.interop.told import IDENTITY, assert_told, identity
from tests.interop.visitors import (
    CHROMIUM,
    CURL,
    CURL_P12,
    GO,
    JAVA,
    NODE,
    VISITORS,
    Credential,
    Trust,
    Visitor,
)
from tests.parts import go_client, openssl
from tests.parts.credentials import Pem
from tests.parts.served import ACTOR, Served
from tests.parts.tomcat import Tomcat
from twoway.realm import clients

PAIRS = [
    *((visitor, kind) for visitor in VISITORS for kind in ("issued", "pinned")),
    *((visitor, "partner-ca") for visitor in VISITORS if visitor is not CHROMIUM),
    (CHROMIUM, "partner-ca-alone"),
    (CURL, "partner-ca-alone"),
]


@pytest.mark.parametrize(("visitor", "kind"), PAIRS, ids=str)
def test_known_client_is_answered_and_its_certificate_told(
    visitor: Visitor, kind: str, explaining: str, partners: Partners, trust: Trust
) -> None:
    """The upstream is told who calls, in every header that its service chose."""
    credential = partners.credential(kind, visitor.form)
    seen = visitor.visit(explaining, trust, credential.files)
    assert seen.status in {200, None}
    issuers = credential.certificates[1:] if visitor.sends_issuers else ()
    assert_told(seen, credential, issuers)


@pytest.mark.parametrize("visitor", VISITORS, ids=str)
def test_without_a_certificate_the_same_client_is_refused(
    visitor: Visitor, explaining: str, trust: Trust, backend: Tomcat
) -> None:
    """The refusal says what is missing, and the upstream hears nothing."""
    before = backend.count()
    seen = visitor.visit(explaining, trust, None)
    assert seen.status in {403, None}
    assert ("certificate-missing", before) == (seen.page["code"], backend.count())


@pytest.mark.parametrize("visitor", [CURL, JAVA, NODE, GO], ids=str)
def test_stranger_is_told_its_certificate(
    visitor: Visitor, explaining: str, partners: Partners, trust: Trust, backend: Tomcat
) -> None:
    """Every client does send a certificate that is not known, so that the refusal can name it."""
    before = backend.count()
    seen = visitor.visit(explaining, trust, partners.stranger(visitor.form).files)
    told = seen.page["code"], seen.page["certificate"]["subject"]
    assert ("certificate-unknown", "CN=stranger", before) == (*told, backend.count())


def test_browser_that_sends_no_intermediate_is_found_in_the_journal(
    gateway: Served, explaining: str, partners: Partners, trust: Trust
) -> None:
    """Where no CA is named Chromium sends a leaf alone: its intermediate is to be accepted, with --chain."""
    seen = CHROMIUM.visit(explaining, trust, partners.credential("partner-ca", "p12").files)
    assert "certificate-unknown" == seen.page["code"]
    (entry,) = gateway.entries(ticket=seen.page["ticket"])
    assert "its issuer CN=umbrella Issuing CA was not sent" in entry.detail


@pytest.mark.parametrize("algorithm", ["ed25519", "ec-p384"])
def test_key_of_any_kind_that_we_make_is_used(
    algorithm: str, gateway: Served, explaining: str, partners: Partners, trust: Trust
) -> None:
    """Where the handshake does not list its signatures a client sends nothing, and nobody says why."""
    credential = partners.issue("--algorithm", algorithm)
    gateway.settled()
    for visitor in (CURL_P12, JAVA, NODE):
        seen = visitor.visit(explaining, trust, credential.files)
        assert_told(seen, credential, credential.certificates[1:])


def test_second_request_is_told_the_same(explaining: str, partners: Partners, trust: Trust) -> None:
    """A certificate of a partner's CA is asked about once, and known from then on, by the same name."""
    credential = partners.credential("partner-ca", "pem")
    first = identity(CURL.visit(explaining, trust, credential.files))
    partners.gateway.settled()
    assert first == identity(CURL.visit(explaining, trust, credential.files))
    assert ["umbrella"] == first["x-client-id"]


@pytest.mark.parametrize("send", [(), *((name,) for name in IDENTITY), IDENTITY[2:]], ids="+".join)
def test_upstream_is_told_what_its_service_chose_and_no_more(
    send: tuple[str, ...], gateway: Served, backend: Tomcat, partners: Partners, trust: Trust
) -> None:
    """Each header comes when it was chosen, and not otherwise."""
    name = f"chosen-{'-'.join(send) or 'none'}"
    gateway.service(name, backend.url, path=f"/{name}", send=send)
    with gateway.realm.changing(ACTOR) as change:
        clients.allow(change, "globex", name)
    gateway.settled()
    url = f"https://127.0.0.1:{gateway.port}/{name}"
    seen = CURL.visit(url, trust, partners.credential("issued", "pem").files)
    assert set(send) == set(identity(seen))


def test_forwarded_subject_cannot_forge_a_field(
    gateway: Served, explaining: str, trust: Trust, partners: Partners
) -> None:
    """What a partner writes into its subject stays inside the quotes, and outside of the header's other lines."""
    subject = 'soylent";Hash=00;X="\\,Köln'
    pem = openssl.self_signed(gateway.files / "soylent", subject, "-utf8", "-days", "365")
    gateway.client("soylent", "orders")
    gateway.pin("soylent", pem.certificate.read_bytes())
    gateway.settled()
    seen = CURL.visit(explaining, trust, pem)
    (leaf,) = x509.load_pem_x509_certificates(pem.certificate.read_bytes())
    assert_told(seen, Credential("soylent", pem, (leaf,)), ())


def test_no_ca_is_named(explaining: str, partners: Partners, trust: Trust) -> None:
    """Names would keep Java, Go and browsers from sending what is pinned, or of another CA."""
    files = partners.credential("pinned", "pem").files
    assert isinstance(files, Pem)
    answer = go_client.get(explaining, ca=trust.ca, identity=files)
    assert ((), True) == (answer.acceptable_cas, answer.sent)
