"""Services: what a host and a path may be, and the server certificates of hosts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.x509 import DNSName

from tests.x509.pki import AT, CLIENT, DAY, SERVER, made, name, rsa_key
from twoway import keystores
from twoway.errors import (
    HandshakeMixed,
    HostCertificateUnfit,
    IdentitySourceUnreadable,
    KeystoreError,
    NameRefused,
    NameTaken,
    NotInRealm,
    PathIndistinct,
    ValueRefused,
)
from twoway.keystores import Format, IdentityEntry, Keystore
from twoway.realm import authorities, clients, services, vault
from twoway.realm.services import ServiceOptions
from twoway.x509.identity import Identity
from twoway.x509.keys import private_der

UPSTREAM = "http://127.0.0.1:8080"


def add(changing, word, upstream=UPSTREAM, identity=None, **options):
    """Add a service."""
    with changing() as change:
        return services.add(change, word, upstream, options=ServiceOptions(**options), identity=identity)


def identity(realm, service):
    """The server identity of a service."""
    with realm.reading() as connection:
        entry = vault.entry(connection, service.vault_entry_id)
        return vault.identity(realm.keys, connection, entry)


def server(host="api.example.com", **options):
    """A server certificate for a host, sound but for the options."""
    return made(host, **{"names": [DNSName(host)], "usages": [SERVER], **options})


def brought(holder, *issuers):
    """An identity on its way into the vault, without files."""
    return vault.Brought(Identity(holder.key, (holder.certificate, *issuers)))


def written(file, holder, password=None):
    """Write an identity into a file: a keystore where there is a password, else PEM."""
    entry = IdentityEntry("one", private_der(holder.key), (holder.certificate,))
    form = "pem" if password is None else "pkcs12"
    file.write_bytes(keystores.dump(Keystore((entry,), Format.PKCS12), form, password))
    return file


def test_defaults_are_the_safe_ones(changing):
    """A certificate is required, refusals are bare, the upstream learns the client's name."""
    service = add(changing, "orders")
    assert (None, "/", "required", "explain", "bare", ("x-client-id",), 3600, ()) == (
        service.host,
        service.path,
        service.client_certificate,
        service.handshake,
        service.refusals,
        service.sends,
        service.max_stream_seconds,
        service.ca_subjects,
    )


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("HTTPS://Backend.Example.com/", "https://backend.example.com"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://backend.", "http://backend"),
    ],
)
def test_upstream_has_one_form(changing, given, stored):
    """Scheme, host and port."""
    assert stored == add(changing, "orders", given).upstream


@pytest.mark.parametrize(
    "upstream",
    [
        "",
        "127.0.0.1:8080",
        "ftp://host",
        "http://",
        "http://host/path",
        "http://host/?q",
        "http://host?",
        "http://host#f",
        "http://user:secret@host",
        "http://host:0",
        "http://host:99999",
        "http://host:x",
        "http://ho st",
        "http://host\r\nx: y",
        "http://höst",
        "http://host_name",
    ],
)
def test_other_upstream_is_refused(changing, upstream):
    """Requests keep their own path, and nothing is hidden in a URL."""
    with pytest.raises(ValueRefused):
        add(changing, "orders", upstream)


def test_password_in_an_upstream_is_not_repeated(changing):
    """Not even in the error."""
    with pytest.raises(ValueRefused) as caught:
        add(changing, "orders", "http://user:secret@host")
    assert "secret" not in str(caught.value) + str(caught.value.facts)


def test_host_has_one_form(changing):
    """Lower case, in ASCII."""
    assert "api.example.com" == add(changing, "orders", host="API.Example.com").host


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a..b",
        "host:443",
        "*.example.com",
        "-a.example",
        "a_b",
        "host.",
        "a" * 64,
        "a/b",
        "x." * 130 + "x",
        "bücher.example",
    ],
)
def test_other_host_is_refused(changing, host):
    """A name that SNI and Host can carry."""
    with pytest.raises(ValueRefused):
        add(changing, "orders", host=host)


@pytest.mark.parametrize(
    ("given", "stored"),
    [("/", "/"), ("/orders", "/orders"), ("/Orders/v1/", "/Orders/v1"), ("/a@b:c", "/a@b:c")],
)
def test_path_has_one_form(changing, given, stored):
    """Whole segments, without a slash at the end."""
    assert stored == add(changing, "orders", path=given).path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "orders",
        "//orders",
        "/a//b",
        "/a/../b",
        "/./a",
        "/a/..",
        "/orders.",
        "/%61dmin",
        "/a;b=c",
        "/a?b",
        "/a#b",
        "/a\\b",
        "/a b",
        "/a\n",
        "/ä",
        "/" + "a" * 600,
    ],
)
def test_path_that_others_read_differently_is_refused(changing, path):
    """What is normalised by someone on the way cannot carry rights."""
    with pytest.raises(ValueRefused):
        add(changing, "orders", path=path)


@pytest.mark.parametrize(
    ("one", "other"),
    [("/orders", "/orders/"), ("/orders", "/ORDERS"), ("/Orders", "/orders/items"), ("/", "/")],
)
def test_paths_that_cannot_be_told_apart_are_refused(changing, one, other):
    """By a server that ignores case."""
    add(changing, "first", path=one, host="api.example.com")
    with pytest.raises(PathIndistinct, match="first"):
        add(changing, "second", path=other, host="api.example.com")
    add(changing, "second", path=other, host="other.example.com")


@pytest.mark.parametrize(
    ("one", "other"), [("/", "/orders"), ("/orders", "/orders/items"), ("/off", "/offshore")]
)
def test_paths_of_one_host_have_services_of_their_own(changing, one, other):
    """Each with its own clients and modes."""
    add(changing, "first", path=one, client_certificate="required")
    assert "off" == add(changing, "second", path=other, client_certificate="off").client_certificate


@pytest.mark.parametrize(
    "options",
    [
        {"client_certificate": "maybe"},
        {"handshake": "lax"},
        {"refusals": "chatty"},
        {"send": ("authorization",)},
        {"max_stream_seconds": 0},
        {"max_stream_seconds": 86401},
        {"handshake": "strict", "client_certificate": "optional"},
    ],
)
def test_value_that_means_nothing_is_refused(changing, options):
    """With the field's name."""
    with pytest.raises(ValueRefused):
        add(changing, "orders", **options)


def test_strict_host_takes_strict_services_only(changing):
    """A handshake ends before a path is known."""
    add(changing, "strict", host="a.example", path="/a", handshake="strict")
    add(changing, "strict-too", host="a.example", path="/b", handshake="strict")
    with pytest.raises(HandshakeMixed, match="strict service strict"):
        add(changing, "open", host="a.example", path="/c")
    add(changing, "elsewhere", host="b.example")


def test_host_with_open_services_does_not_become_strict(changing):
    """Whichever came first."""
    add(changing, "open", host="a.example", path="/a")
    with pytest.raises(HandshakeMixed):
        add(changing, "strict", host="a.example", path="/b", handshake="strict")


def test_ca_names_are_kept_as_certificates_have_them(changing):
    """A certificate stands for its subject, byte by byte."""
    ca = made(name("Partner CA"), ca=True).certificate
    service = add(changing, "orders", ca_names=(ca, "CN=Partner CA", "CN=Other,O=Acme"))
    assert ca.parsed.subject.public_bytes() == service.ca_subjects[0]
    assert 2 == len(service.ca_subjects)


def test_too_many_ca_names_are_refused(changing):
    """Beyond 32 kB handshakes would fail, for everybody."""
    names = tuple(f"CN=Partner CA number {number},O=An organisation,C=DE" for number in range(600))
    with pytest.raises(ValueRefused, match="32000"):
        add(changing, "orders", ca_names=names)
    assert 300 == len(add(changing, "orders", ca_names=names[:300]).ca_subjects)


def test_ca_names_of_a_host_are_counted_together(changing):
    """Its services share one handshake."""
    names = tuple(f"CN=Partner CA number {number},O=An organisation,C=DE" for number in range(600))
    add(changing, "orders", host="a.example", path="/orders", ca_names=names[:300])
    with pytest.raises(ValueRefused, match="32000"):
        add(changing, "invoices", host="a.example", path="/invoices", ca_names=names[300:])
    add(changing, "elsewhere", host="b.example", ca_names=names[300:])


def test_name_is_given_once(changing):
    """And has the form of a client's."""
    add(changing, "orders")
    with pytest.raises(NameTaken):
        add(changing, "orders", host="other.example")
    with pytest.raises(NameRefused):
        add(changing, "Orders!")


def test_edit_changes_what_is_said_and_keeps_the_rest(changing):
    """Checked as at the start."""
    add(changing, "orders", host="api.example.com", send=("client-cert",))
    with changing() as change:
        edited = services.edit(change, "orders", path="/orders", upstream="http://10.0.0.1")
    assert ("api.example.com", "/orders", "http://10.0.0.1", ("client-cert",)) == (
        edited.host,
        edited.path,
        edited.upstream,
        edited.sends,
    )
    with pytest.raises(ValueRefused), changing() as change:
        services.edit(change, "orders", path="/..")


def test_edit_that_changes_nothing_is_no_change(realm, changing):
    """The revision stays."""
    add(changing, "orders")
    before = realm.revisions()
    with changing() as change:
        services.edit(change, "orders", path="/")
    assert before == realm.revisions()


def test_service_is_not_edited_into_another(changing):
    """A service is held against the others of its host, not against itself."""
    add(changing, "orders", path="/orders")
    add(changing, "billing", path="/billing")
    with pytest.raises(PathIndistinct), changing() as change:
        services.edit(change, "billing", path="/Orders")


# -- server certificates ---------------------------------------------------------------------------------------------


def test_host_gets_a_certificate_of_ours(realm, changing):
    """With its name, for servers, and the issuing CA behind it."""
    found = identity(realm, add(changing, "orders", host="api.example.com"))
    assert (("DNS:api.example.com",), ("serverAuth",)) == (found.leaf.san, found.leaf.extended_key_usage)
    with realm.reading() as connection:
        assert authorities.issuers(connection) == found.issuers


def test_service_without_a_host_gets_a_certificate_for_this_machine(realm, changing):
    """For localhost and its address."""
    assert ("DNS:localhost", "IP:127.0.0.1") == identity(realm, add(changing, "orders")).leaf.san


def test_long_host_gets_a_certificate(realm, changing):
    """Though a common name has room for 64 characters only."""
    host = ".".join(["label"] * 20)
    assert (f"DNS:{host}",) == identity(realm, add(changing, "orders", host=host)).leaf.san


def test_services_of_a_host_share_its_certificate(changing):
    """A handshake knows the host alone."""
    one = add(changing, "orders", host="api.example.com", path="/orders")
    two = add(changing, "billing", host="api.example.com", path="/billing")
    assert one.vault_entry_id == two.vault_entry_id


def test_brought_certificate_serves_the_host(realm, changing):
    """In the place of ours, for all its services."""
    one = add(changing, "orders", host="api.example.com", path="/orders")
    holder = server()
    two = add(changing, "billing", host="api.example.com", path="/billing", identity=brought(holder))
    assert holder.certificate == identity(realm, one).leaf == identity(realm, two).leaf


def test_last_service_of_a_host_takes_its_certificate_along(realm, changing):
    """And its sealed key."""
    add(changing, "orders", host="api.example.com", path="/orders")
    add(changing, "billing", host="api.example.com", path="/billing")
    for word, left in (("orders", 1), ("billing", 0)):
        with changing() as change:
            services.remove(change, word)
        with realm.reading() as connection:
            assert left == len(vault.entries(connection))
            assert left + 2 == connection.exec_driver_sql("SELECT count(*) FROM secret").scalar_one()


def test_service_that_moves_takes_a_new_certificate(realm, changing):
    """And leaves none behind."""
    add(changing, "orders", host="old.example")
    with changing() as change:
        services.edit(change, "orders", host="new.example")
    with realm.reading() as connection:
        assert ["new.example"] == [entry.name for entry in vault.entries(connection)]


def test_certificate_of_ours_is_renewed_in_time(realm, changing):
    """When two thirds of its life have passed, with a new key."""
    service = add(changing, "orders")
    before = identity(realm, service)
    life = before.leaf.not_after - before.leaf.not_before
    early, late = (before.leaf.not_before + life * part for part in (0.6, 0.7))
    assert {} == services.maintain(realm, "test", at=early)
    assert before.leaf == identity(realm, service).leaf
    assert {} == services.maintain(realm, "test", at=late)
    after = identity(realm, service)
    assert before.leaf.spki_sha256 != after.leaf.spki_sha256
    assert after.leaf.not_after > late + life - timedelta(days=1)


def test_brought_certificate_is_not_renewed_by_us(realm, changing):
    """It is its owner's."""
    service = add(changing, "orders", identity=brought(server()))
    before = identity(realm, service).leaf
    assert {} == services.maintain(realm, "test", at=AT + timedelta(days=364))
    assert before == identity(realm, service).leaf


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"key": rsa_key(1024)}, "host-key-small"),
        ({"end": AT - DAY, "start": AT - 9 * DAY}, "host-certificate-expired"),
        ({"start": AT + DAY}, "host-certificate-not-yet-valid"),
        ({"usages": [CLIENT]}, "host-certificate-no-server-auth"),
        ({"names": [DNSName("other.example")]}, "host-certificate-other-names"),
    ],
)
def test_certificate_that_serves_nobody_is_refused(realm, changing, options, problem):
    """When a service is added, and when one is edited; what is there stays."""
    unfit = brought(server(**options))
    with pytest.raises(HostCertificateUnfit, match=r"api\.example\.com") as caught:
        add(changing, "orders", host="api.example.com", identity=unfit)
    assert (problem, True) == (caught.value.codes, caught.value.hint != "")
    service = add(changing, "orders", host="api.example.com")
    before = identity(realm, service).leaf
    with pytest.raises(HostCertificateUnfit), changing() as change:
        services.edit(change, "orders", identity=unfit)
    assert before == identity(realm, service).leaf


def test_service_without_a_host_takes_any_names(tmp_path, realm, changing):
    """Nobody knows what it is called by, now and when its file changes, though localhost has the same certificate."""
    file = written(tmp_path / "identity", server("other.example"))
    service = add(changing, "orders", identity=vault.read([file]))
    add(changing, "here", host="localhost", path="/here")
    renewed = server("other.example", serial=2)
    written(file, renewed)
    assert {} == services.maintain(realm, "test", at=AT)
    assert renewed.certificate == identity(realm, service).leaf


def test_localhost_alone_is_a_host_like_any_other(tmp_path, realm, changing):
    """What is taken for it has its name."""
    file = written(tmp_path / "identity", server("localhost"))
    add(changing, "here", host="localhost", identity=vault.read([file]))
    written(file, server("other.example"))
    (failure,) = services.maintain(realm, "test", at=AT).values()
    assert isinstance(failure, HostCertificateUnfit)
    assert "host-certificate-other-names" == failure.codes


def test_findings_tell_what_only_some_clients_take(changing):
    """Of the certificate that was brought; the one of ours has none."""
    unnamed = brought(made("api.example.com", usages=[SERVER]))
    add(changing, "orders", host="api.example.com", identity=unnamed)
    with changing() as change:
        found = services.findings(change.connection, "orders", unnamed, at=AT)
        assert () == services.findings(change.connection, "orders", None, at=AT)
    assert ["host-certificate-no-names"] == [one.code for one in found]


# -- files that are watched ------------------------------------------------------------------------------------------


@pytest.fixture(params=[None, b"secret"], ids=["pem", "pkcs12"])
def watched(request, tmp_path, changing):
    """A service whose certificate is in a file, and what replaces it there."""
    file, password = tmp_path / "identity", request.param
    given = vault.read([written(file, server(), password)], password)
    service = add(changing, "orders", host="api.example.com", identity=given)
    return service, lambda holder: written(file, holder, password)


def test_replaced_file_is_taken(realm, watched):
    """As often as it is replaced, and only then."""
    service, replace = watched
    for serial in (2, 3):
        renewed = server(serial=serial)
        replace(renewed)
        assert {} == services.maintain(realm, "test", at=AT)
        assert renewed.certificate == identity(realm, service).leaf
        before = realm.revisions()
        assert {} == services.maintain(realm, "test", at=AT)
        assert before == realm.revisions()


def test_replaced_file_that_serves_nobody_is_not_taken(realm, watched):
    """It is told with its name, and looked at again: what begins tomorrow is taken tomorrow."""
    service, replace = watched
    before, ahead = identity(realm, service).leaf, server(start=AT + DAY, end=AT + 90 * DAY)
    file = replace(ahead)
    (failure,) = services.maintain(realm, "test", at=AT).values()
    assert isinstance(failure, HostCertificateUnfit)
    assert str(file) in str(failure)
    assert before == identity(realm, service).leaf
    assert {} == services.maintain(realm, "test", at=AT + 2 * DAY)
    assert ahead.certificate == identity(realm, service).leaf


@pytest.mark.parametrize("left", [b"", b"no certificate", None])
def test_broken_file_changes_nothing(realm, watched, left):
    """Half written, or gone."""
    service, replace = watched
    before, file = identity(realm, service).leaf, replace(server(serial=2))
    file.unlink() if left is None else file.write_bytes(left)
    (failure,) = services.maintain(realm, "test", at=AT).values()
    assert isinstance(failure, IdentitySourceUnreadable if left is None else KeystoreError)
    assert before == identity(realm, service).leaf


def test_identity_of_the_vault_is_watched_where_its_files_are(realm, watched, changing):
    """A second service that takes it follows the same file."""
    _, replace = watched
    with realm.reading() as connection:
        entry = vault.find(connection, "gateway", "api.example.com")
        taken = vault.as_brought(realm.keys, connection, entry)
    other = add(changing, "anywhere", identity=taken)
    renewed = server(serial=2)
    replace(renewed)
    assert {} == services.maintain(realm, "test", at=AT)
    assert renewed.certificate == identity(realm, other).leaf


# -- what services of one host share ---------------------------------------------------------------------------------


def shared(changing, word, given=None):
    """The findings about a service, by their codes."""
    with changing() as change:
        return {one.code: one for one in services.findings(change.connection, word, given, at=AT)}


@pytest.mark.parametrize("others", [("CN=Other",), ()])
def test_different_ca_names_on_one_host_are_a_finding(changing, others):
    """A handshake knows no path, so it names those of all services."""
    add(changing, "orders", host="a.example", path="/orders", ca_names=("CN=One",))
    add(changing, "billing", host="a.example", path="/billing", ca_names=others)
    add(changing, "elsewhere", host="b.example")
    for word, other in (("orders", "billing"), ("billing", "orders")):
        finding = shared(changing, word)["service-ca-names-shared"]
        assert ("warning", [other]) == (finding.severity, finding.facts["others"])
    assert {} == shared(changing, "elsewhere")


def test_same_ca_names_on_one_host_are_none(changing):
    """Whatever their order."""
    add(changing, "orders", host="a.example", path="/orders", ca_names=("CN=One", "CN=Two"))
    add(changing, "billing", host="a.example", path="/billing", ca_names=("CN=Two", "CN=One"))
    assert {} == shared(changing, "orders")


def test_callers_that_need_no_certificate_are_asked_all_the_same(changing):
    """Where another service of the host asks: it is worth knowing, as browsers ask their users."""
    add(changing, "public", host="a.example", path="/public", client_certificate="off")
    assert {} == shared(changing, "public")
    add(changing, "orders", host="a.example", path="/orders")
    for word in ("public", "orders"):
        finding = shared(changing, word)["service-asks-on-host"]
        assert ("info", ["public"]) == (finding.severity, finding.facts["off"])


def test_certificate_for_one_service_is_for_the_host(changing):
    """The others show it too."""
    add(changing, "orders", host="api.example.com", path="/orders")
    given = brought(server())
    add(changing, "billing", host="api.example.com", path="/billing", identity=given)
    assert ["orders"] == shared(changing, "billing", given)["host-certificate-shared"].facts["others"]
    assert {} == shared(changing, "billing")


def test_removed_service_is_gone(realm, changing, globex):
    """With its permissions."""
    with changing() as change:
        services.remove(change, "orders")
    with realm.reading() as connection:
        assert () == services.services(connection)
        assert () == clients.allowed(connection, globex)
        with pytest.raises(NotInRealm):
            services.find(connection, "orders")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.7"])
def test_host_that_is_an_address_is_refused(changing, host):
    """A handshake names hosts and no addresses, so that nobody would ever reach it."""
    options = services.ServiceOptions(host=host)
    with pytest.raises(ValueRefused, match="address"), changing() as change:
        services.add(change, "orders-by-address", "http://127.0.0.1:8080", options=options)


@pytest.mark.parametrize("upstream", ["http://[fe80::1%25eth0]:80", "http://[::zz]:80"])
def test_upstream_that_a_gateway_would_refuse_is_refused(changing, upstream):
    """One that is refused there would keep the whole realm from being taken over."""
    with pytest.raises(ValueRefused), changing() as change:
        services.add(change, "orders-odd", upstream)
