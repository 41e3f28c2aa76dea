from __future__ import annotations

import gc
import os
import socket
import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.endpoints.conftest import identity_of
from tests.endpoints.servers import OK, answering, tls
from tests.parts import material
from twoway.endpoints.tls import context
from twoway.errors import IdentityUnusable, TrustUnusable
from twoway.x509.identity import Identity
from twoway.x509.keys import new_key, private_der
from twoway.x509.names import distinguished_name
from twoway.x509.purposes import Purpose
from twoway.x509.selfsigned import self_signed


@pytest.fixture
def loaded(monkeypatch):
    """What ssl gets to load: each file's path, its content, its mode and that of its folder."""
    seen = []
    load = ssl.SSLContext.load_cert_chain

    def look(self, certfile, *arguments, **named):
        path = Path(certfile)
        seen.append(
            (path, path.read_bytes(), path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
        )
        return load(self, certfile, *arguments, **named)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", look)
    return seen


@pytest.fixture
def no_memory_files(monkeypatch):
    """A system that has no files in memory."""
    monkeypatch.delattr(os, "memfd_create")


def clear_forms(holder):
    """Return what a key in clear looks like in a file: the bytes that no encrypted form shares with it."""
    der = private_der(holder.key)
    return (b"BEGIN PRIVATE KEY", b"BEGIN EC PRIVATE KEY", der, der[-100:])


def test_key_reaches_ssl_in_memory_and_encrypted(us, loaded):
    """On Linux it never touches a disk."""
    context(identity_of(us))
    ((path, content, _, _),) = loaded
    assert path.is_relative_to("/proc/self/fd")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert not any(form in content for form in clear_forms(us))


def test_without_files_in_memory_the_key_is_encrypted_in_a_file_of_ours_alone(us, loaded, no_memory_files):
    """Nobody else can read it, and nobody at all has its password; it is gone at once."""
    context(identity_of(us))
    ((path, content, mode, folder),) = loaded
    assert path.is_relative_to(tempfile.gettempdir())
    assert (0o600, 0o700) == (mode, folder)
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert not any(form in content for form in clear_forms(us))
    assert not path.parent.exists()


@pytest.mark.parametrize("memory", [True, False])
def test_nothing_is_left_behind(us, memory, request, monkeypatch, tmp_path):
    """No open file and no file in the temporary folder, also where ssl refuses the identity."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not memory:
        request.getfixturevalue("no_memory_files")
    gc.collect()
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208  the numbers, not what they are
    context(identity_of(us))
    with pytest.raises(IdentityUnusable):
        context(identity_of(small()))
    assert before == sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208  as above
    assert [] == list(tmp_path.iterdir())


def small():
    """Return a holder of a key that TLS takes no more."""
    return material.issue("small", key=rsa.generate_private_key(65537, 1024))  # noqa: S505  that is the point


def test_key_that_is_too_small_is_refused_by_name():
    """OpenSSL says why, and the error says whose."""
    with pytest.raises(IdentityUnusable) as caught:
        context(identity_of(small()))
    assert ("CN=small", "ee key too small") == (caught.value.subject, caught.value.problem)


def test_anchor_that_is_none_is_refused():
    """What is damaged is not silently left out."""
    with pytest.raises(TrustUnusable):
        context(None, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def test_context_is_safe_by_default(us, ca):
    """Chain and name are checked, and TLS is 1.2 or later."""
    made = context(identity_of(us), ca.read_text())
    assert (True, ssl.CERT_REQUIRED) == (made.check_hostname, made.verify_mode)
    assert (ssl.TLSVersion.TLSv1_2, True) == (made.minimum_version, made.post_handshake_auth)


def test_own_trust_is_the_only_one(ca):
    """The system's anchors do not count beside it."""
    assert 1 == len(context(None, ca.read_text()).get_ca_certs())


def test_system_trust_is_what_the_environment_names(ca, monkeypatch):
    """SSL_CERT_FILE, as OpenSSL has it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    (anchor,) = context(None).get_ca_certs()
    assert "Partner Root" in str(anchor)


def test_keys_of_sessions_are_not_written_out(us, ca, server_files, monkeypatch, tmp_path):
    """SSLKEYLOGFILE, which ssl obeys by default, would open every session to whoever reads the file."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    made = context(identity_of(us), ca.read_text())
    with (
        answering(tls(server_files), OK) as server,
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        made.wrap_socket(plain, server_hostname="localhost"),
    ):
        pass
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("algorithm", ["rsa-2048", "ec-p384", "ed25519"])
def test_every_key_of_ours_can_be_loaded(algorithm):
    """Whatever twoway makes, it can call with."""
    key = new_key(algorithm)
    leaf = self_signed(
        key, distinguished_name("us"), (), at=datetime.now(UTC), days=1, serial=1, purposes=(Purpose.CLIENT,)
    )
    assert context(Identity(key, (leaf,))).post_handshake_auth
