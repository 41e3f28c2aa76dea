from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tests.parts import material
from twoway.realm import gateways, journal
from twoway.realm.journal import JournalEntry
from twoway.realm.realm import Realm

EVIL = "CN=\x1b[31mevil\u202e"


def record(directory, *entries):
    """Write into the journal as the gateway does."""
    with Realm.open(directory) as opened:
        journal.record(opened, entries)


def refusal(code="certificate-unknown", **facts):
    """A refusal, as the gateway writes it."""
    return JournalEntry(kind="refusal", code=code, at=datetime.now(UTC), **facts)


def test_status_says_what_the_realm_holds(cli, realm):
    """Counts, names and gateways."""
    status = cli("status", "--json").json
    assert ("acme", ["orders"], [], ["gateway/localhost"]) == (
        status["realm"]["name"],
        status["services"],
        status["gateways"],
        status["identities"],
    )


def test_status_says_whether_gateways_are_up_to_date(cli, realm):
    """One that lags is seen."""
    with Realm.open(realm) as opened, opened.writing() as connection:
        gateways.acknowledge(connection, "edge", 1, datetime.now(UTC))
    assert "gateway edge: alone since about 20" in cli("status").stdout
    assert "Z, at revision 1\n" in cli("status").stdout
    assert not cli("status", "--json").json["gateways"][0]["current"]


def test_expiring_names_the_remedy(cli, realm, tmp_path):
    """What ends soon, with the command that renews it."""
    files = material.issue("initech", usage=[material.CLIENT], days=(-1, 5)).pem(tmp_path)
    cli("client", "add", "initech")
    cli("client", "accept", "initech", "--certificate", files.certificate)
    (found,) = cli("expiring", "--json").json
    assert ("binding", "initech") == (found["kind"], found["name"])
    assert "twoway client accept initech" in found["remedy"]
    assert "binding initech ends at" in cli("status").stdout


def test_nothing_expires_is_an_empty_list(cli, realm):
    """No data on stdout, and status 0."""
    assert (0, "") == cli("expiring")[:2]
    assert [] == cli("expiring", "--json").json


def test_expiring_looks_as_far_as_asked(cli, realm):
    """The root ends after twenty years."""
    assert "root" in [one["name"] for one in cli("expiring", "--days", 10_000, "--json").json]


def test_journal_shows_the_reason_in_words(cli, realm):
    """The code, what it means, who and how often."""
    record(
        realm, refusal(count=3, service="orders", subject="CN=stranger", detail={"why": "nobody accepted it"})
    )
    (line,) = cli("journal").stdout.splitlines()
    assert "refusal  certificate-unknown  x3  (this certificate is nobody's here; nobody accepted it)" in line
    assert "service=orders  subject=CN=stranger" in line


def test_journal_escapes_what_strangers_chose(cli, realm):
    """Neither text nor detail of theirs can move a terminal."""
    record(realm, refusal(subject=EVIL, detail={"why": EVIL, EVIL: EVIL}))
    shown = cli("journal").stdout
    assert set() == set("\x1b\u202e") & set(shown)
    assert "evil" in shown


def test_journal_finds_the_ticket_of_a_refused_partner(cli, realm):
    """The partner names its ticket, the operator sees the entry."""
    record(realm, refusal(ticket="a"), refusal(ticket="b", client="globex"))
    assert ["b"] == [one["ticket"] for one in cli("journal", "--ticket", "b", "--json").json]
    assert ["b"] == [one["ticket"] for one in cli("journal", "--client", "globex", "--json").json]


def test_journal_shows_the_last_entries_oldest_first(cli, realm):
    """The newest is next to the prompt."""
    record(realm, *(refusal(ticket=str(number)) for number in range(5)))
    assert ["3", "4"] == [one["ticket"] for one in cli("journal", "--limit", 2, "--json").json]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGPIPE])
def test_journal_follows_until_it_is_stopped(realm, stop):
    """What comes is shown at once, one JSON document a line; Ctrl-C and a closed pipe end it in peace."""
    command = [sys.executable, "-m", "twoway", "journal", "--follow", "--json"]
    record(realm, refusal(ticket="before"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert '"ticket": "before"' in process.stdout.readline()
        record(realm, refusal(ticket="after"))
        assert '"ticket": "after"' in process.stdout.readline()
        if stop == signal.SIGINT:
            os.kill(process.pid, signal.SIGINT)
        else:
            process.stdout.close()
            record(realm, refusal())
        assert "Traceback" not in process.stderr.read()
        assert process.wait(10) in {130, 141}


@pytest.mark.parametrize(
    "options", [[], ["--client", "globex"], ["--service", "orders"], ["--ticket", "foo"]]
)
def test_journal_without_entries_says_so(cli, realm, options):
    """On stderr, for a person; a program gets an empty list."""
    cli("client", "add", "globex")
    assert (0, "", "no entries\n") == cli("journal", *options)
    assert [] == cli("journal", *options, "--json").json


@pytest.mark.parametrize("options", [["--client", "nobody"], ["--service", "nosuch"]])
def test_journal_of_somebody_unknown_is_refused(cli, realm, options):
    """A mistyped name does not pass for one that did nothing."""
    result = cli("journal", *options, "--json")
    assert (1, "not-in-realm") == (result.status, result.json["error"]["code"])


def test_journal_keeps_what_somebody_removed_did(cli, realm):
    """As client remove says."""
    record(realm, refusal(client="gone"))
    assert 0 == cli("journal", "--client", "gone").status
