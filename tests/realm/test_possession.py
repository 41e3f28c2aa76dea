"""Proof of possession: the text that stock openssl signs, with the certificate's own key, in time."""

from __future__ import annotations

import base64
import subprocess
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tests.x509.pki import AT, CLIENT, made, rsa_key
from twoway.errors import ChallengeFailed, IllegalTransition
from twoway.realm import bindings, possession
from twoway.x509.keys import encrypted_pem, new_key


@pytest.fixture
def propose(changing, globex):
    """Propose a holder's certificate and return its challenge and the binding's number."""

    def propose(holder):
        with changing() as change:
            accepted = bindings.accept_certificate(change, globex, holder.certificate.pem, proposed=True)
            return possession.challenge(change, globex, accepted.binding.id), accepted.binding.id

    return propose


@pytest.fixture
def answer(changing, globex):
    """Answer a challenge and return the binding's state."""

    def answer(binding_id, signature, at=AT):
        with changing(at) as change:
            return possession.answer(change, globex, binding_id, signature).state

    return answer


@pytest.fixture
def holder():
    """A client with an EC key."""
    return made("globex", usages=[CLIENT])


def signed(holder, text):
    """What openssl dgst -sha256 -sign makes of an EC key."""
    return holder.key.sign(text if isinstance(text, bytes) else text.encode(), ec.ECDSA(SHA256()))


@pytest.mark.parametrize("algorithm", ["rsa", "ec-p256", "ec-p384", "ed25519"])
def test_stock_openssl_answers(tmp_path, real_part, propose, answer, algorithm):
    """By the command that comes with the challenge."""
    openssl = real_part("openssl")
    key = rsa_key() if algorithm == "rsa" else new_key(algorithm)
    challenge, binding_id = propose(made("globex", key=key, usages=[CLIENT]))
    (tmp_path / "challenge.txt").write_text(challenge.text)
    (tmp_path / "key.pem").write_bytes(encrypted_pem(key, b"secret"))
    words = [openssl, *challenge.command.split()[1:], "-passin", "pass:secret"]
    if "dgst" in words:
        words = [*words[:2], "-passin", "pass:secret", *words[2:-2]]
    subprocess.run(words, cwd=tmp_path, check=True)
    assert "active" == answer(binding_id, (tmp_path / "answer.bin").read_bytes())


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_line_endings_do_not_matter(propose, answer, holder, ending):
    """Mail changes them."""
    challenge, binding_id = propose(holder)
    text = challenge.text.rstrip("\n").replace("\n", ending or "\n") + ending
    assert "active" == answer(binding_id, signed(holder, text))


def test_answer_in_base64_counts(propose, answer, holder):
    """With line breaks, as openssl writes it."""
    challenge, binding_id = propose(holder)
    assert "active" == answer(binding_id, base64.encodebytes(signed(holder, challenge.text)))


def test_proof_is_in_the_audit(realm, propose, answer, holder):
    """Told apart from a confirmation on somebody's word."""
    from twoway.realm import audit

    challenge, binding_id = propose(holder)
    answer(binding_id, signed(holder, challenge.text))
    with realm.reading() as connection:
        entry = audit.latest(connection, limit=1)[0]
    assert "binding.confirm" == entry.action
    assert '"proven":true' in entry.facts


def test_signature_of_another_key_does_not_count(realm, propose, answer, holder, globex):
    """And the binding stays proposed."""
    challenge, binding_id = propose(holder)
    with pytest.raises(ChallengeFailed):
        answer(binding_id, signed(made("other"), challenge.text))
    with realm.reading() as connection:
        assert "proposed" == bindings.binding(connection, globex, binding_id).state


@pytest.mark.parametrize("signature", [b"", b"\0", b"not base64", b"0" * 20_000])
def test_garbage_does_not_count(propose, answer, holder, signature):
    """Whatever it is."""
    _, binding_id = propose(holder)
    with pytest.raises(ChallengeFailed):
        answer(binding_id, signature)


def test_late_answer_does_not_count(propose, answer, holder):
    """A challenge ends after a day."""
    challenge, binding_id = propose(holder)
    with pytest.raises(ChallengeFailed, match="ended"):
        answer(binding_id, signed(holder, challenge.text), at=AT + timedelta(hours=24, seconds=1))


def test_answer_to_an_earlier_challenge_does_not_count(changing, globex, propose, answer, holder):
    """A new one replaces it."""
    earlier, binding_id = propose(holder)
    with changing() as change:
        possession.challenge(change, globex, binding_id)
    with pytest.raises(ChallengeFailed):
        answer(binding_id, signed(holder, earlier.text))


def test_answer_without_a_challenge_does_not_count(changing, globex, answer, holder):
    """There has to be a question."""
    with changing() as change:
        accepted = bindings.accept_certificate(change, globex, holder.certificate.pem, proposed=True)
    with pytest.raises(ChallengeFailed, match="no challenge"):
        answer(accepted.binding.id, b"")


def test_active_binding_is_not_challenged(changing, globex, holder):
    """It is too late for that."""
    with changing() as change:
        accepted = bindings.accept_certificate(change, globex, holder.certificate.pem)
    with pytest.raises(IllegalTransition), changing() as change:
        possession.challenge(change, globex, accepted.binding.id)


def test_challenge_is_bound_to_realm_client_and_certificate(realm, propose, holder):
    """So that its answer serves nowhere else."""
    challenge, _ = propose(holder)
    for word in (realm.record().identifier, "globex", holder.certificate.sha256):
        assert word in challenge.text
