"""What commands say while the control plane is gone and its gateway goes on: nothing that could not be found out."""

from __future__ import annotations

import pytest

from tests.parts.served import served


@pytest.fixture
def outage(tmp_path, monkeypatch):
    """A realm whose control plane was killed, with a client that its gateway knows."""
    with served(tmp_path) as made:
        made.service("orders", "http://127.0.0.1:9")
        made.client("globex", "orders")
        made.issue("globex")
        made.settled()
        made.kill()
        monkeypatch.setenv("TWOWAY_REALM", str(made.realm.directory))
        yield made


def test_revocation_during_an_outage_is_not_said_to_be_in_force(cli, outage):
    """It waits as long as ever, ends with status 3, and says what is the case; the gateway has it once it is back."""
    result = cli("client", "revoke", "globex", "--yes")
    assert 3 == result.status
    assert "not yet acknowledged by embedded after 50" in result.stderr
    assert "no control plane runs on this machine" in result.stderr
    assert "hint: start it: twoway serve" in result.stderr
    assert "stream" not in result.stderr
    shown = cli("status").stdout
    assert "gateway embedded: alone since about" in shown
    assert "Z, at revision" in shown
    outage.start()
    outage.settled()
    shown = cli("status").stdout
    assert "gateway embedded: connected, up to date" in shown
    assert "alone since" not in shown


def test_revocation_during_an_outage_as_json(cli, outage):
    """A script sees who has not answered, and after how long."""
    result = cli("client", "revoke", "globex", "--yes", "--json")
    assert (3, ["embedded"], ["embedded"]) == (
        result.status,
        result.json["gateways"],
        result.json["waiting_for"],
    )
    assert 5000 <= result.json["milliseconds"] < 7000
    assert ["revoked"] == [one["state"] for one in result.json["bindings"]]
