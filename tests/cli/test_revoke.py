from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from tests.parts import material
from twoway.cli import acknowledged
from twoway.realm import gateways
from twoway.realm.realm import Realm


@pytest.fixture(autouse=True)
def globex(cli, realm, tmp_path, password):
    """A client with two certificates."""
    cli("client", "add", "globex", "--allow", "orders")
    for kit in ("first", "second"):
        issued = cli("client", "issue", "globex", "-o", tmp_path / kit, "--out-password-file", password)
        assert 0 == issued.status


def acknowledge(directory, revision, *, ended=None):
    """A gateway says how far it is."""
    with Realm.open(directory) as opened, opened.writing() as connection:
        gateways.acknowledge(connection, "edge", revision, datetime.now(UTC), ended=ended)


@pytest.fixture
def gateway(realm):
    """A gateway that acknowledges every change a little later, as far as it takes rights away."""
    stop = threading.Event()

    def run() -> None:
        with Realm.open(realm) as opened:
            while not stop.wait(0.02):
                acknowledge(realm, 1, ended=opened.revisions().realm)

    acknowledge(realm, 1)
    thread = threading.Thread(target=run)
    thread.start()
    yield "edge"
    stop.set()
    thread.join()


def states(cli):
    """The states of the client's bindings."""
    return [one["state"] for one in cli("client", "show", "globex", "--json").json["bindings"]]


def test_revocation_ends_all_bindings(cli):
    """Without a gateway that runs it says so, and is done."""
    result = cli("client", "revoke", "globex", "--yes")
    assert 0 == result.status
    assert "no gateway is running" in result.stderr
    assert ["revoked", "revoked"] == states(cli)


def test_revocation_of_one_binding_leaves_the_other(cli):
    """A rotation goes on where only one key was lost."""
    first = cli("client", "show", "globex", "--json").json["bindings"][0]["id"]
    assert (
        0
        == cli("client", "revoke", "globex", "--binding", first, "--reason", "keyCompromise", "--yes").status
    )
    assert ["revoked", "active"] == states(cli)


def test_revocation_waits_for_the_gateway_and_says_how_long(cli, gateway):
    """It counts when the gateway has it; streams have their bound."""
    answer = cli("client", "revoke", "globex", "--yes", "--json").json
    assert (["edge"], []) == (answer["gateways"], answer["waiting_for"])
    assert 0 <= answer["milliseconds"] < 5000
    assert 3600 == answer["max_stream_seconds"]


def test_revocation_is_told_in_words(cli, gateway):
    """A person reads the milliseconds and the bound."""
    shown = cli("client", "revoke", "globex", "--yes").stderr
    assert "2 bindings revoked: acknowledged by 1 of 1 gateways after" in shown
    assert "may go on for 1h at most" in shown


def test_gateway_that_does_not_answer_is_named(cli, realm, monkeypatch):
    """The revocation is stored; whether it is in force could not be found out."""
    monkeypatch.setattr(acknowledged, "PATIENCE", 0.1)
    acknowledge(realm, 1)
    result = cli("client", "revoke", "globex", "--yes", "--json")
    assert (3, ["edge"]) == (result.status, result.json["waiting_for"])
    assert ["revoked", "revoked"] == states(cli)


def test_gateway_that_is_away_may_let_people_in(cli, realm, monkeypatch):
    """Nobody has heard of it, which is not to say that it does not run."""
    monkeypatch.setattr(acknowledged, "PATIENCE", 0.1)
    acknowledge(realm, 1)
    with Realm.open(realm) as opened, opened.writing() as connection:
        gateways.away(connection, "edge", datetime.now(UTC))
    assert 3 == cli("client", "revoke", "globex", "--yes").status


def test_gateway_that_was_stopped_is_not_waited_for(cli, realm):
    """It lets nobody in, and gets everything when it is started."""
    acknowledge(realm, 1)
    with Realm.open(realm) as opened, opened.writing() as connection:
        gateways.stopped(connection, "edge", datetime.now(UTC))
    assert 0 == cli("client", "revoke", "globex", "--yes").status


@pytest.mark.parametrize("command", [("suspend", "globex"), ("remove", "globex", "--yes")])
def test_whatever_ends_a_client_waits_for_the_gateway(cli, gateway, command):
    """Suspending and removing take rights away as revoking does."""
    assert ["edge"] == cli("client", *command, "--json").json["gateways"]


def test_change_of_nothing_waits_for_nothing(cli, gateway):
    """A right that was not there is not waited for."""
    cli("service", "add", "users", "--upstream", "http://127.0.0.1:9000", "--path", "/users")
    started = time.monotonic()
    cli("client", "deny", "globex", "users")
    assert time.monotonic() - started < acknowledged.PATIENCE + 2


def test_revocation_wants_to_be_meant(cli):
    """A dry run lists what would go; without --yes and a terminal nothing goes."""
    assert 2 == cli("client", "revoke", "globex").status
    assert 2 == len(cli("client", "revoke", "globex", "--dry-run", "--json").json["bindings"])
    assert ["active", "active"] == states(cli)


def test_unknown_reason_is_refused_with_those_that_there_are(cli):
    """The words are RFC 5280's."""
    result = cli("client", "revoke", "globex", "--reason", "stolen", "--yes")
    assert 0 != result.status
    assert "keyCompromise" in result.stderr
    assert ["active", "active"] == states(cli)


def test_second_revocation_finds_nothing(cli):
    """What is revoked stays revoked, and is said to be."""
    cli("client", "revoke", "globex", "--yes")
    assert 1 == cli("client", "revoke", "globex", "--yes").status


def test_revoked_certificate_is_on_the_list(cli):
    """The next list that authority crl signs has it."""
    cli("client", "revoke", "globex", "--yes")
    shown = cli("authority", "show", "--json").json
    assert {"root": 0, "issuing": 2} == {one["name"]: one["revoked"] for one in shown}


# -- what goes along -------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(cli, tmp_path):
    """A CA of two further clients, with a name rule each."""
    file = material.root("Shared Root").ca_file(tmp_path)
    for name in ("umbrella", "initech"):
        cli("client", "add", name)
        rule = f"DNS:*.{name}.com"
        assert 0 == cli("client", "accept", name, "--authority", file, "--san", rule).status
    return file


def test_what_goes_along_is_listed_before(cli, shared):
    """By client and binding, in a dry run and before the question; and it is said what went."""
    order = ("client", "revoke", "umbrella", "--reason", "cACompromise")
    tried = cli(*order, "--dry-run", "--json").json
    assert ["umbrella", "initech"] == [one["client"] for one in tried["bindings"]]
    number = tried["bindings"][1]["id"]
    for options in (("--dry-run",), ()):
        shown = cli(*order, *options).stderr
        assert "would revoke" in shown or "this asks first" in shown
        assert f"binding {number} of initech: partner-ca, CN=Shared Root" in shown
    done = cli(*order, "--yes").stderr
    assert f"2 bindings revoked, among them of the same key: binding {number} of initech" in done


def test_what_stays_is_not_listed(cli, shared):
    """A CA that one client has given up is as good as before for the other."""
    tried = cli("client", "revoke", "umbrella", "--reason", "superseded", "--dry-run", "--json").json
    assert ["umbrella"] == [one["client"] for one in tried["bindings"]]


def test_compromised_authority_is_not_accepted_again(cli, shared):
    """By nobody."""
    cli("client", "revoke", "umbrella", "--reason", "cACompromise", "--yes")
    result = cli("client", "accept", "initech", "--authority", shared, "--san", "DNS:*.initech.com", "--json")
    assert (1, "certificate-once-revoked") == (result.status, result.json["error"]["code"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("globex", "--reason", "stolen"), "revocation-reason-unknown"),
        (("globex", "--binding", "999"), "not-in-realm"),
        (("nobody",), "not-in-realm"),
    ],
)
def test_dry_run_refuses_what_the_revocation_would(cli, options, code):
    """Before anything is asked."""
    tried = cli("client", "revoke", *options, "--dry-run", "--json")
    real = cli("client", "revoke", *options, "--yes", "--json")
    assert [code, code] == [result.json["error"]["code"] for result in (tried, real)]
    assert 0 != tried.status == real.status


def test_dry_run_of_a_second_revocation_finds_nothing(cli):
    """As the revocation itself would."""
    cli("client", "revoke", "globex", "--yes")
    assert 1 == cli("client", "revoke", "globex", "--dry-run").status


def test_proposed_binding_is_said_to_be_withdrawn(cli, tmp_path):
    """It never had any effect, so there is nothing to revoke."""
    own = material.issue("globex", usage=[material.CLIENT]).pem(tmp_path)
    cli("client", "accept", "globex", "--certificate", own.certificate, "--proposed")
    assert "2 bindings revoked, 1 withdrawn" in cli("client", "revoke", "globex", "--yes").stderr
