import base64

import pytest

from tests.keystores.material import LEAF
from twoway.errors import FormatUnknown
from twoway.keystores import asn1, load


@pytest.mark.parametrize(
    ("data", "what", "advice"),
    [
        (b"ssh-ed25519 AAAAC3Nz x@y\n", "an SSH public key", "twoway csr new"),
        (b"PuTTY-User-Key-File-3: ssh-rsa\n", "a PuTTY private key", "puttygen"),
        (b"\xef\xbb\xbf<!DOCTYPE html><title>Sign in", "a web page", "login"),
        (b"PK\x03\x04rest of it", "a ZIP archive", "unpack"),
        (base64.encodebytes(LEAF.der), "base64", "base64 -d"),
        (asn1.sequence(asn1.integer_der(5), asn1.integer_der(3)), "a public key", "certificate"),
        (asn1.sequence(asn1.encoded(0x0A, b"\0")), "OCSP", "certificate"),
    ],
    ids=["ssh", "putty", "page", "zip", "base64", "rsa-public", "ocsp"],
)
def test_the_file_beside_the_right_one_is_named(data, what, advice):
    """With what to do instead."""
    with pytest.raises(FormatUnknown, match=what) as caught:
        load(data)
    assert advice in caught.value.hint


def test_anything_else_is_shown_by_its_beginning():
    """And by its length."""
    with pytest.raises(FormatUnknown, match="data of 12 bytes that begins with 48 65 6c 6c"):
        load(b"Hello, world")
