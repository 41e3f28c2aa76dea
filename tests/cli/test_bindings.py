from __future__ import annotations

import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.parts import material


@pytest.fixture(autouse=True)
def initech(cli, realm):
    """A client that brings its own."""
    assert 0 == cli("client", "add", "initech").status


@pytest.fixture
def own(tmp_path):
    """A sound self-signed certificate and its key, as files."""
    return material.issue("initech", names=["initech.example"], usage=[material.CLIENT], days=(-1, 300)).pem(
        tmp_path
    )


@pytest.fixture
def proposed(cli, own):
    """It has been proposed."""
    assert 0 == cli("client", "accept", "initech", "--certificate", own.certificate, "--proposed").status
    return own


def bindings(cli):
    """The kinds and states of the client's bindings."""
    return [
        (one["kind"], one["state"]) for one in cli("client", "show", "initech", "--json").json["bindings"]
    ]


def test_own_certificate_is_accepted(cli, own):
    """It is known by that very certificate."""
    result = cli("client", "accept", "initech", "--certificate", own.certificate)
    assert 0 == result.status
    assert [("pinned", "active")] == bindings(cli)


def test_weakness_is_shown_with_its_remedy(cli, tmp_path):
    """A certificate that ends soon is accepted, and said to end soon."""
    files = material.issue("initech", usage=[material.CLIENT], days=(-1, 5)).pem(tmp_path)
    result = cli("client", "accept", "initech", "--certificate", files.certificate)
    assert 0 == result.status
    assert "client-certificate-expires-soon" in result.stderr
    assert "hint: ask the partner for its next certificate" in result.stderr


def test_expired_certificate_is_refused_with_all_its_findings(cli, tmp_path):
    """What refuses stands last, next to the prompt; the others are shown all the same."""
    files = material.issue("initech", usage=[material.CLIENT], days=(-9, -5)).pem(tmp_path)
    result = cli("client", "accept", "initech", "--certificate", files.certificate)
    assert 1 == result.status
    assert "client-certificate-expired" in result.stderr
    assert "client-certificate-no-names" in result.stderr
    assert [] == bindings(cli)


def test_refused_certificate_as_json_has_its_findings(cli, tmp_path):
    """One document, with the error and what led to it."""
    files = material.issue("initech", usage=[material.CLIENT], days=(-9, -5)).pem(tmp_path)
    result = cli("client", "accept", "initech", "--certificate", files.certificate, "--json")
    assert "certificate-unfit" == result.json["error"]["code"]
    assert "client-certificate-expired" in [one["code"] for one in result.json["findings"]]


def test_despite_accepts_the_named_findings_alone(cli, tmp_path):
    """Which risk is taken is said, and can be found again."""
    files = material.issue("initech", usage=[material.CLIENT], days=(-9, -5)).pem(tmp_path)
    order = ("client", "accept", "initech", "--certificate", files.certificate)
    codes = cli(*order, "--json").json["error"]["facts"]["codes"].split(",")
    assert "client-certificate-expired" in codes
    assert 1 == cli(*order, "--despite", "client-certificate-cannot-sign").status
    assert 0 == cli(*order, *(word for code in codes for word in ("--despite", code))).status


def test_dry_run_says_what_would_be(cli, own, realm):
    """Neither the realm nor its audit is changed."""
    before = cli("audit", "list", "--json").json
    result = cli("client", "accept", "initech", "--certificate", own.certificate, "--dry-run", "--json")
    assert (0, "active", True) == (result.status, result.json["binding"]["state"], result.json["dry_run"])
    assert [] == bindings(cli)
    assert before == cli("audit", "list", "--json").json


def test_partners_authority_is_accepted_with_a_rule(cli, tmp_path):
    """It is known by what its CA issues, as far as the names fit."""
    file = material.root("Umbrella Root").ca_file(tmp_path)
    order = ("client", "accept", "initech", "--authority", file)
    accepted = cli(*order, "--san", "DNS:*.umbrella.com", "--json").json["binding"]
    assert ("partner-ca", "active", "DNS:*.umbrella.com") == (
        accepted["kind"],
        accepted["state"],
        accepted["rule"],
    )


@pytest.mark.parametrize("rule", [(), ("--san", "DNS:*"), ("--san", "DNS:*.com"), ("--san", "umbrella")])
def test_authority_without_a_narrow_rule_is_refused(cli, tmp_path, rule):
    """A rule that lets everybody of the CA in is none."""
    file = material.root("Umbrella Root").ca_file(tmp_path)
    assert 0 != cli("client", "accept", "initech", "--authority", file, *rule).status
    assert [] == bindings(cli)


@pytest.mark.parametrize("both", [True, False])
def test_certificate_and_authority_exclude_each_other(cli, own, both):
    """Which of both is meant is not guessed."""
    options = ("--certificate", own.certificate, "--authority", own.certificate) if both else ()
    assert 2 == cli("client", "accept", "initech", *options).status


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_file_that_is_no_certificate_is_refused(cli, tmp_path, content):
    """In words, and without a trace."""
    (tmp_path / "file").write_bytes(content)
    result = cli("client", "accept", "initech", "--certificate", tmp_path / "file")
    assert 1 == result.status
    assert "Traceback" not in result.stderr


def test_proposed_binding_is_confirmed(cli, proposed):
    """The only proposed one need not be named."""
    assert [("pinned", "proposed")] == bindings(cli)
    assert 0 == cli("client", "confirm", "initech").status
    assert [("pinned", "active")] == bindings(cli)


def test_proposed_binding_is_withdrawn(cli, proposed):
    """It never had any effect."""
    assert 0 == cli("client", "withdraw", "initech").status
    assert [("pinned", "withdrawn")] == bindings(cli)


def test_nothing_proposed_is_said(cli):
    """The hint leads to the list."""
    result = cli("client", "confirm", "initech")
    assert 2 == result.status
    assert "twoway client show initech" in result.stderr


def test_replaced_binding_is_retired(cli, own):
    """Its number comes from client show."""
    number = cli("client", "accept", "initech", "--certificate", own.certificate, "--json").json["binding"][
        "id"
    ]
    assert "retired" == cli("client", "retire", "initech", number, "--json").json["state"]


def test_signed_challenge_makes_the_binding_active(real_part, cli, proposed, tmp_path):
    """Stock openssl makes the answer, with the very command that we print."""
    made = cli("client", "challenge", "initech", "-o", tmp_path / "challenge.txt", "--json").json
    command = made["command"].replace("key.pem", str(proposed.key)).split()
    subprocess.run([real_part("openssl"), *command[1:]], cwd=tmp_path, check=True, capture_output=True)
    assert 0 == cli("client", "challenge", "initech", "--answer", tmp_path / "answer.bin").status
    assert [("pinned", "active")] == bindings(cli)


def test_challenge_goes_to_stdout_to_the_byte(cli, proposed):
    """What is piped into a file is what has to be signed; the advice goes to stderr."""
    result = cli("client", "challenge", "initech")
    assert result.stdout.startswith("twoway proof of possession 1\n")
    assert result.stdout.endswith("Z\n")
    assert "openssl dgst" in result.stderr


def test_wrong_answer_changes_nothing(cli, proposed, tmp_path):
    """A signature of another key, or none, leaves the binding proposed."""
    cli("client", "challenge", "initech")
    (tmp_path / "answer.bin").write_bytes(b"\x30\x06\x02\x01\x01\x02\x01\x01")
    result = cli("client", "challenge", "initech", "--answer", tmp_path / "answer.bin", "--json")
    assert (1, "challenge-failed") == (result.status, result.json["error"]["code"])
    assert [("pinned", "proposed")] == bindings(cli)


# -- a chain that comes later ------------------------------------------------------------------------------------------


@pytest.fixture
def chained(tmp_path):
    """A root, an intermediate and a leaf, each in a file of its own."""
    root = material.root("Umbrella Root")
    middle = material.issue("Umbrella Issuing", by=root, ca=True)
    leaf = material.issue(
        "a.umbrella.com", by=middle, names=["a.umbrella.com"], usage=[material.CLIENT], days=(-1, 300)
    )
    files = {}
    for name, holder in (("root", root), ("middle", middle), ("leaf", leaf)):
        files[name] = tmp_path / f"{name}.pem"
        files[name].write_bytes(holder.leaf.public_bytes(Encoding.PEM))
    return files


def accept_again(cli, order, chain):
    """Accept once without the chain and twice with it; return how each ended."""
    results = [cli(*order), *(cli(*order, "--chain", chain) for _ in range(2))]
    assert [0, 0, 0] == [result.status for result in results]
    return results


def test_chain_is_added_to_an_accepted_authority(cli, chained):
    """By accepting it again with its chain; to do that twice changes nothing."""
    order = ("client", "accept", "initech", "--authority", chained["root"], "--san", "DNS:*.umbrella.com")
    _, added, again = accept_again(cli, order, chained["middle"])
    assert "has its chain now: CN=Umbrella Issuing" in added.stderr
    assert "has its chain now: CN=Umbrella Issuing" in again.stderr
    (binding,) = cli("client", "show", "initech", "--json").json["bindings"]
    assert ["CN=Umbrella Issuing"] == binding["chain"]
    actions = [one["action"] for one in cli("audit", "list", "--json").json]
    assert 1 == actions.count("binding.chain")


def test_chain_is_added_to_an_accepted_certificate(cli, chained):
    """Likewise."""
    order = ("client", "accept", "initech", "--certificate", chained["leaf"])
    first, added, _ = accept_again(cli, order, chained["middle"])
    assert "client-chain-incomplete" in first.stderr
    assert "client-chain-incomplete" not in added.stderr
    (binding,) = cli("client", "show", "initech", "--json").json["bindings"]
    assert ["CN=Umbrella Issuing"] == binding["chain"]


def test_chain_that_would_be_added_is_told(cli, chained):
    """A dry run changes nothing."""
    order = ("client", "accept", "initech", "--authority", chained["root"], "--san", "DNS:*.umbrella.com")
    cli(*order)
    tried = cli(*order, "--chain", chained["middle"], "--dry-run")
    assert "would have its chain: CN=Umbrella Issuing" in tried.stderr
    assert [] == cli("client", "show", "initech", "--json").json["bindings"][0]["chain"]


def test_chain_of_another_authority_is_told(cli, chained, tmp_path):
    """Most often it is the wrong file."""
    other = material.issue("Other Issuing", by=material.root("Other Root"), ca=True)
    (tmp_path / "other.pem").write_bytes(other.leaf.public_bytes(Encoding.PEM))
    order = ("client", "accept", "initech", "--authority", chained["root"], "--san", "DNS:*.umbrella.com")
    assert "partner-authority-chain-foreign" in cli(*order, "--chain", tmp_path / "other.pem").stderr


def test_rules_that_overlap_are_refused(cli, chained):
    """With the other client's name; taking the risk is to be said."""
    order = ("--authority", chained["root"], "--san")
    cli("client", "add", "umbrella")
    cli("client", "accept", "umbrella", *order, "DNS:*.umbrella.com")
    refused = cli("client", "accept", "initech", *order, "DNS:a.umbrella.com")
    assert 1 == refused.status
    assert "partner-rules-overlap" in refused.stderr
    assert "client umbrella" in refused.stderr
    assert [] == bindings(cli)


def test_binding_that_is_none_is_looked_for_where_they_are_shown(cli):
    """The hint names a command that exists."""
    result = cli("client", "retire", "initech", "99")
    assert (1, True) == (result.status, "hint: see twoway client show initech" in result.stderr)


def test_client_without_a_proposed_binding_is_told_so(cli):
    """In words that say how many there are."""
    result = cli("client", "confirm", "initech")
    assert (2, True) == (result.status, "client initech has no proposed binding" in result.stderr)


def test_authority_without_a_rule_is_wrong_usage(cli, tmp_path):
    """It is --san that was forgotten."""
    result = cli("client", "accept", "initech", "--authority", material.root().ca_file(tmp_path))
    assert (2, True) == (result.status, "--san" in result.stderr)
