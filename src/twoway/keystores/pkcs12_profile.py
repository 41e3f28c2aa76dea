"""How a PKCS#12 is encrypted, by the name of a profile, without its password. Pure.

Consumers differ in what they read, and say so badly: what matters is which families of algorithms are in the file.
"""

from __future__ import annotations

# Object identifiers as they stand in a file. Source: RFC 7292, appendix C; RFC 8018, appendix A; RFC 8017, appendix B
_RC2 = (bytes.fromhex("060a2a864886f70d010c0105"), bytes.fromhex("060a2a864886f70d010c0106"))
_TRIPLE_DES = (bytes.fromhex("060a2a864886f70d010c0103"), bytes.fromhex("060a2a864886f70d010c0104"))
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBMAC1 = bytes.fromhex("06092a864886f70d01050e")
_SHA1 = bytes.fromhex("06052b0e03021a")

# The MAC is the end of the file: a digest, a salt and a count.
_MAC_OCTETS = 300


def profile_of(data: bytes) -> str:
    """Return ``modern`` (AES or better, SHA-2), ``compat`` (triple DES, SHA-1), ``legacy`` (RC2) or ``mixed``.

    Args:
        data: the whole file. Only algorithms that stand in clear are seen: those of the outer layers.
    """
    if any(name in data for name in _RC2):
        return "legacy"
    old = any(name in data for name in _TRIPLE_DES)
    new = _PBES2 in data or _PBMAC1 in data
    old_mac = _SHA1 in data[-_MAC_OCTETS:]
    if old and not new and old_mac:
        return "compat"
    return "mixed" if old or old_mac else "modern"
