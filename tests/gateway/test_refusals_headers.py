"""Who calls is said by the gateway alone: what a caller says of itself never reaches an upstream."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from itertools import product

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.gateway.refusing import IDENTITY_HEADERS, PROTOCOLS, Caller, Gate, der, identity_headers
from tests.interop.told import fields
from tests.parts import material
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.raw import Connection
from tests.parts.raw_http2 import Http2
from tests.parts.served import ACTOR, served
from tests.parts.upstream import upstream
from twoway.gateway.statistics import questions
from twoway.realm import authorities, bindings, clients

SPOOFED = "spoofed"
WEBSOCKET = [("Upgrade", "websocket"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]

# Each mode of a service, and one that tells its upstream nothing.
SERVICES = {
    "required": {"client_certificate": "required", "send": IDENTITY_HEADERS},
    "optional": {"client_certificate": "optional", "send": IDENTITY_HEADERS},
    "off": {"client_certificate": "off", "send": IDENTITY_HEADERS},
    "silent": {"client_certificate": "required", "send": ()},
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """One host with a service of each mode; the right certificate may call all of them."""
    with upstream() as api, served(tmp_path_factory.mktemp("headers")) as realm:
        for name, options in SERVICES.items():
            realm.service(name, api.url, path=f"/{name}", **options)
        realm.client("globex", *SERVICES)
        _, right = realm.issue("globex")
        realm.settled()
        yield Gate(realm, api, right)


@pytest.fixture(scope="module")
def stranger(gate: Gate) -> Pem:
    """A certificate that is nobody's."""
    return gate.pem(material.issue("globex", usage=[material.CLIENT]))


# Ways to write a header that HTTP/1.1 allows; HTTP/2 has lower case only.
SPELLINGS: dict[str, Callable[[str], list[tuple[str, str]]]] = {
    "plain": lambda name: [(name, SPOOFED)],
    "upper case": lambda name: [(name.upper(), SPOOFED)],
    "odd case": lambda name: [(name.title().swapcase(), SPOOFED)],
    "twice": lambda name: [(name, SPOOFED), (name.title(), f"{SPOOFED} again")],
    "empty": lambda name: [(name, "")],
    "blanks": lambda name: [(name, f" \t {SPOOFED} \t")],
    "between others": lambda name: [("X-A", "a"), (name, SPOOFED), ("X-B", "b")],
}


@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS)
def test_identity_header_of_a_caller_is_replaced_or_gone(
    gate: Gate, stranger: Pem, spelled: Callable[[str], list[tuple[str, str]]]
) -> None:
    """All of them, on a service of each mode, with the right certificate, with none, and with a stranger's."""
    headers = [header for name in IDENTITY_HEADERS for header in spelled(name)]
    for protocol, (service, identity) in product(PROTOCOLS, answered(gate, stranger)):
        sent = headers if protocol == "HTTP/1.1" else [(name.lower(), value) for name, value in headers]
        with gate.reaching() as reached:
            answer = gate.call(identity, f"/{service}", protocol=protocol, headers=sent)
        assert 200 == answer.status
        [request] = reached
        assert told(gate, service, identity) == identity_headers(request)
        assert SPOOFED not in str(request.headers)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "name",
    [
        "x_client_id",
        "X_Client_Id",
        "x-client_id",
        "client_cert",
        "client_cert_chain",
        "x_forwarded_client_cert",
    ],
)
def test_identity_header_with_an_underscore_is_refused(gate: Gate, protocol: str, name: str) -> None:
    """Many backends read it as the one with dashes: it goes nowhere, on a service of any mode."""
    client, files = gate.issued(*SERVICES)
    gate.served.settled()
    with gate.reaching() as reached:
        for service in SERVICES:
            spelled = name if protocol == "HTTP/1.1" else name.lower()
            answer = refusal(gate, files, f"/{service}", protocol, (spelled, SPOOFED))
            assert answer in {(400, "header-underscore"), None}
    assert [] == reached
    if protocol == "HTTP/1.1":
        assert ["header-underscore"] * len(SERVICES) == [
            entry.code for entry in gate.journalled(client, len(SERVICES))
        ]
    assert gate.call(files, "/required", protocol=protocol).status == 200


@pytest.mark.parametrize("name", IDENTITY_HEADERS)
def test_identity_header_in_trailers_never_reaches_the_upstream(gate: Gate, name: str) -> None:
    """Not after the body either."""
    for service, identity in (("required", gate.right), ("optional", None), ("off", None)):
        body = f"2\r\nhi\r\n0\r\n{name}: {SPOOFED}\r\n\r\n"
        head = f"POST /{service} HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\nTrailer: {name}\r\n"
        with gate.reaching() as reached, gate.connect(identity) as connection:
            assert isinstance(connection, Connection)
            connection.send(f"{head}Transfer-Encoding: chunked\r\n\r\n{body}".encode())
            assert connection.answer().status == 200
        [request] = reached
        assert (told(gate, service, identity), b"hi") == (identity_headers(request), request.body)
        assert SPOOFED not in str(request.headers)


@pytest.mark.parametrize("name", IDENTITY_HEADERS)
def test_identity_header_in_http2_trailers_never_reaches_the_upstream(gate: Gate, name: str) -> None:
    """Nor there."""
    for service, identity in (("required", gate.right), ("optional", None), ("off", None)):
        with gate.reaching() as reached, gate.connect(identity, protocol="HTTP/2") as connection:
            assert isinstance(connection, Http2)
            pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost")]
            stream = connection._state.get_next_available_stream_id()
            connection._state.send_headers(stream, [*pseudo, (":path", f"/{service}"), ("te", "trailers")])
            connection._state.send_data(stream, b"hi")
            connection._state.send_headers(stream, [(name, SPOOFED)], end_stream=True)
            connection._flush()
            assert connection._answer(stream).status == 200
        [request] = reached
        assert (told(gate, service, identity), b"hi") == (identity_headers(request), request.body)
        assert SPOOFED not in str(request.headers)


HOSTILE_SUBJECTS = (
    'x";Subject="CN=globex',
    'x";Hash=00;By="y',
    "x;Hash=00",
    "x,Hash=00",
    "x\\",
    'x\\";Hash=00;Subject="y',
    "x\r\nX-Client-Id: globex",
    "x\n",
    "x\0y",
    "%DOWNSTREAM_PEER_SUBJECT%",
    "%REQ(X-A)%",
    "\u00fc\u20ac",
)


@pytest.mark.parametrize("subject", HOSTILE_SUBJECTS)
def test_subject_of_a_partners_making_stays_in_its_field(gate: Gate, subject: str) -> None:
    """A partner may issue any text: it never becomes another field, nor another header."""
    root = material.root("Evil CA")
    name = gate.client("required")
    gate.served.accept_authority(name, der(root), "DNS:*.evil.com")
    own = material.issue(subject, by=root, names=["a.evil.com"], usage=[material.CLIENT])
    files = gate.pem(own)
    gate.served.settled()
    with gate.reaching() as reached:
        answers = gate.both(files, "/required", headers=[("x-a", SPOOFED)])
    assert [200, 200] == [answer.status for answer in answers]
    for request in reached:
        headers = identity_headers(request)
        assert [name] == headers["x-client-id"]
        [forwarded] = headers["x-forwarded-client-cert"]
        found = fields(forwarded)
        assert ["Hash", "Cert", "Subject"] == [*found]
        assert own.leaf.fingerprint(SHA256()).hex() == found["Hash"]
        assert SPOOFED not in forwarded


@pytest.mark.parametrize("named", IDENTITY_HEADERS)
def test_identity_header_cannot_be_named_as_one_to_take_off(gate: Gate, named: str) -> None:
    """A backend removes what Connection names: of a caller's Connection only the upgrade itself goes on."""
    for connection in ("close", "keep-alive"):
        with gate.reaching() as reached:
            gate.call(gate.right, "/required", headers=[("Connection", f"{connection}, {named}")])
        assert [[]] == [request.values("connection") for request in reached]
    with gate.reaching() as reached, gate.connect(gate.right) as upgraded:
        answer = upgraded.request("/required", headers=[("Connection", f"Upgrade, {named}"), *WEBSOCKET])
    [request] = reached
    assert (101, ["upgrade"]) == (answer.status, request.values("connection"))
    assert told(gate, "required", gate.right) == identity_headers(request)


def test_strangers_certificate_adds_no_header_on_an_open_service(gate: Gate, stranger: Pem) -> None:
    """What was presented is not what is trusted."""
    with gate.reaching() as reached:
        assert [200, 200] == [answer.status for answer in gate.both(stranger, "/off")]
    assert [{}, {}] == [identity_headers(request) for request in reached]


def test_nobody_is_anonymous_on_an_optional_service(gate: Gate) -> None:
    """Without a certificate the upstream is told of nobody."""
    with gate.reaching() as reached:
        assert [200, 200] == [answer.status for answer in gate.both(None, "/optional")]
    assert [{}, {}] == [identity_headers(request) for request in reached]


@pytest.mark.parametrize("how", ["unknown", "expired", "revoked", "suspended", "of another service"])
def test_optional_is_no_way_in_for_a_certificate_without_right(gate: Gate, stranger: Pem, how: str) -> None:
    """Whoever presents a certificate is that one or nobody: it is not anonymous."""
    caller = without_right(gate, stranger, how)
    gate.refuses(Caller(caller.identity, caller.code, caller.client, target="/optional"))


def test_first_request_is_told_as_the_second(gate: Gate) -> None:
    """A partner CA's certificate is asked about once, then it is known: the upstream sees no difference."""
    root = material.root("Umbrella CA")
    name = gate.client("required")
    gate.served.accept_authority(name, der(root), "DNS:*.umbrella.com")
    between = material.issue("Umbrella Issuing CA", by=root, ca=True)
    own = material.client(between, "a.umbrella.com")
    files = gate.pem(own)
    gate.served.settled()
    with gate.reaching() as reached:
        asked = [answered_after_asking(gate, files)]
        while asked[-1]:
            asked.append(answered_after_asking(gate, files))
    assert len(asked) > 1
    first, *later = [identity_headers(request) for request in reached]
    assert [first] * len(later) == later
    assert [name] == first["x-client-id"]
    assert [byte_sequence(own.leaf)] == first["client-cert"]
    assert [", ".join(byte_sequence(one) for one in own.certificates[1:])] == first["client-cert-chain"]


def test_question_is_not_for_the_upstream(gate: Gate) -> None:
    """What the authorizer is shown of a partner's chain goes no further, on services that tell nothing or a part."""
    gate.served.service("named", gate.api.url, path="/named", send=("x-client-id",))
    root = material.root("Umbrella CA")
    name = gate.client("silent", "named")
    gate.served.accept_authority(name, der(root), "DNS:*.umbrella.com")
    gate.served.settled()
    for service, expected in (("silent", {}), ("named", {"x-client-id": [name]})):
        for (
            protocol
        ) in PROTOCOLS:  # a certificate of its own each time: the first request is the one that is asked
            files = gate.pem(material.client(root, f"{gate.name('a')}.umbrella.com"))
            before = questions(gate.served.runtime)
            with gate.reaching() as reached:
                assert gate.call(files, f"/{service}", protocol=protocol).status == 200
            assert before + 1 == questions(gate.served.runtime)
            assert [expected] == [identity_headers(request) for request in reached]


def test_request_id_of_a_caller_is_not_the_ticket(gate: Gate, stranger: Pem) -> None:
    """Nobody can write another's ticket, or text of his own, into the journal."""
    for answer in gate.both(stranger, "/required", headers=[("x-request-id", SPOOFED)]):
        assert SPOOFED not in answer.json["ticket"]
        gate.explains(answer, Caller(stranger, "certificate-unknown"))


@pytest.mark.parametrize(
    "header",
    [
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-upstream-stream-duration-ms",
        "x-envoy-retry-on",
        "x-envoy-original-path",
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-decorator-operation",
        "x-envoy-internal",
    ],
)
def test_header_that_steers_the_gateway_is_nobodys(gate: Gate, header: str) -> None:
    """A caller on the same network as the gateway is a caller like any other."""
    with gate.reaching() as reached:
        assert gate.call(gate.right, "/required", headers=[(header, "1")]).status == 200
    assert [[]] == [request.values(header) for request in reached]


def test_text_of_a_stranger_is_escaped(gate: Gate) -> None:
    """A subject cannot paint over a terminal, end a line of the journal, or leave its place in the answer."""
    subject = 'evil\x1b[2J\r\n"}, <script>\u202e'
    hostile = gate.pem(material.issue(subject, usage=[material.CLIENT]))
    for answer in gate.both(hostile, "/required"):
        entry = gate.explains(answer, Caller(hostile, "certificate-unknown"))
        for text in (entry.subject, entry.detail, answer.json["certificate"]["subject"]):
            assert text is not None
            assert text.isprintable()
        assert "evil" in answer.json["certificate"]["subject"]


@pytest.mark.parametrize("target", ["/required/\x1b[2J", "/required/\u202e"])
def test_hostile_path_is_escaped_in_the_journal(gate: Gate, stranger: Pem, target: str) -> None:
    """Whatever becomes of the request, what is written of it prints."""
    name, files = gate.issued()
    gate.served.settled()
    for protocol in PROTOCOLS:
        refusal(gate, files, target, protocol, ("x-a", "b"))
    gate.call(files, "/required")
    for entry in gate.journalled(name):
        assert entry.detail.isprintable()


def test_secrets_of_a_request_stay_between_the_caller_and_the_upstream(gate: Gate, stranger: Pem) -> None:
    """What the authorizer is asked holds neither cookies nor tokens, and so the journal cannot."""
    secrets = [("authorization", "Bearer s3cret"), ("cookie", "session=s3cret")]
    [refused, _] = gate.both(stranger, "/required", headers=secrets)
    entry = gate.explains(refused, Caller(stranger, "certificate-unknown"))
    assert "s3cret" not in str(entry)
    with gate.reaching() as reached:
        gate.call(gate.right, "/required", headers=secrets)
    assert [["Bearer s3cret"]] == [request.values("authorization") for request in reached]


def answered(gate: Gate, stranger: Pem) -> list[tuple[str, Pem | None]]:
    """Return the services with the callers that each of them answers."""
    return [
        ("required", gate.right),
        ("optional", gate.right),
        ("optional", None),
        ("off", gate.right),
        ("off", None),
        ("off", stranger),
        ("silent", gate.right),
    ]


def told(gate: Gate, service: str, identity: Pem | None) -> dict[str, list[str]]:
    """Return what the upstream has to be told: of the right certificate all, else nothing."""
    if service not in {"required", "optional"} or identity is None:
        return {}
    with gate.realm.reading() as connection:
        [binding] = bindings.bindings(connection, "globex")
        leaf, *chain = (*bindings.certificates_of(binding)[:1], *authorities.issuers(connection))
    certificate = leaf.parsed
    quoted = certificate.public_bytes(Encoding.PEM).decode().replace("\n", "%0A").replace(" ", "%20")
    for character, code in (("+", "%2B"), ("/", "%2F"), ("=", "%3D")):
        quoted = quoted.replace(character, code)
    digest = certificate.fingerprint(SHA256()).hex()
    return {
        "x-client-id": ["globex"],
        "x-forwarded-client-cert": [f'Hash={digest};Cert="{quoted}";Subject="{leaf.subject}"'],
        "client-cert": [byte_sequence(certificate)],
        "client-cert-chain": [", ".join(byte_sequence(one.parsed) for one in chain)],
    }


def byte_sequence(certificate: x509.Certificate) -> str:
    """Return a certificate as RFC 9440 has it in a header."""
    return f":{base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}:"


def refusal(
    gate: Gate, identity: Pem, target: str, protocol: str, header: tuple[str, str]
) -> tuple[int, str] | None:
    """Return status and code of the answer, or None where there is none."""
    try:
        answer = gate.call(identity, target, protocol=protocol, headers=[header])
    except (NoAnswer, UnicodeError):
        return None
    return answer.status, answer.json.get("code", "") if answer.body.startswith("{") else ""


def answered_after_asking(gate: Gate, files: Pem) -> bool:
    """Tell whether the gateway had to ask about a certificate before it let it pass."""
    before = questions(gate.served.runtime)
    assert gate.call(files, "/required").status == 200
    return questions(gate.served.runtime) > before


def without_right(gate: Gate, stranger: Pem, how: str) -> Caller:
    """Make a certificate that gives no right to the optional service."""
    if how == "unknown":
        return Caller(stranger, "certificate-unknown")
    if how == "expired":
        own = material.issue("initech", usage=[material.CLIENT], days=(-10, -1))
        name, _ = gate.pinned(own, "optional", despite=("client-certificate-expired",))
        return Caller(gate.pem(own), "certificate-expired", name)
    if how == "of another service":
        name, files = gate.issued("required")
        return Caller(files, "service-not-allowed", name)
    name, files = gate.issued("optional")
    if how == "revoked":
        gate.served.revoke(name)
        return Caller(files, "certificate-revoked", name)
    with gate.realm.changing(ACTOR) as change:
        clients.suspend(change, name)
    return Caller(files, "client-suspended", name)
