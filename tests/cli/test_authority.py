from __future__ import annotations

import pytest
from cryptography import x509

from twoway.x509.certificates import load_certificates


def test_chain_for_partners_is_pem_on_stdout(cli, realm):
    """The issuing CA, then the root, and nothing else."""
    result = cli("authority", "certificate")
    chain = load_certificates(result.stdout.encode())
    assert ["CN=Issuing CA,O=acme", "CN=Root CA,O=acme"] == [certificate.subject for certificate in chain]
    assert "" == result.stderr


def test_chain_as_json_has_the_facts(cli, realm):
    """The PEM and what is in it."""
    answer = cli("authority", "certificate", "--json").json
    assert [one.sha256 for one in load_certificates(answer["pem"].encode())] == [
        one["sha256"] for one in answer["certificates"]
    ]


def test_authorities_are_shown(cli, realm):
    """Root and issuing CA, with what they have issued: the root the issuing CA, that one the service's certificate."""
    assert {"root": 1, "issuing": 1} == {
        one["name"]: one["issued"] for one in cli("authority", "show", "--json").json
    }


def test_crl_numbers_grow(cli, realm, tmp_path):
    """Every list that is signed replaces the one before it."""
    first = x509.load_pem_x509_crl(cli("authority", "crl").stdout.encode())
    cli("authority", "crl", "--der", "-o", tmp_path / "list.crl")
    second = x509.load_der_x509_crl((tmp_path / "list.crl").read_bytes())
    numbers = [
        one.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for one in (first, second)
    ]
    assert [1, 2] == numbers


def test_root_has_a_list_of_its_own(cli, realm):
    """For whoever checks the issuing CA too."""
    signed = x509.load_pem_x509_crl(cli("authority", "crl", "--root").stdout.encode())
    assert "CN=Root CA" in signed.issuer.rfc4514_string()


@pytest.mark.parametrize("options", [("--der",), ("-o", "taken")])
def test_list_that_cannot_be_written_is_not_signed(cli, realm, tmp_path, monkeypatch, options):
    """No number is used up."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("")
    assert 2 == cli("authority", "crl", *options).status
    signed = x509.load_pem_x509_crl(cli("authority", "crl").stdout.encode())
    assert 1 == signed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
