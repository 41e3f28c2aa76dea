"""The secret keys of JCEKS: a serialized key, encrypted, inside a serialized ``SealedObject``.

Source: OpenJDK 17, ``JceKeyStore``, ``com.sun.crypto.provider.KeyProtector``, ``java.security.KeyRep``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from twoway.errors import AlgorithmUnsupported
from twoway.keystores import asn1
from twoway.keystores import java_objects as java
from twoway.keystores.derivation import Budget
from twoway.keystores.java_protection import pbe_opened, pbe_sealed
from twoway.keystores.passwords import Password
from twoway.x509.names import printable

SEALED_OBJECT = "javax.crypto.SealedObject"
SEALED_KEY = "com.sun.crypto.provider.SealedObjectForKeyProtector"
PBE = "PBEWithMD5AndTripleDES"

KEY_SPECIFICATION = "javax.crypto.spec.SecretKeySpec"
KEY_REPRESENTATION = "java.security.KeyRep"
# Keys of JDK 1.4 and of the JCE before it, which were written as they are.
OLD_KEYS = {"com.sun.crypto.provider.DESKey": "DES", "com.sun.crypto.provider.DESedeKey": "DESede"}
OLD_PASSWORD_KEY = "com.sun.crypto.provider.PBEKey"  # noqa: S105  # a class, no password


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A secret key that is still encrypted."""

    algorithm: str
    parameters: bytes = field(repr=False)
    content: bytes = field(repr=False)


def sealed_secret(data: bytes, at: int, what: str) -> tuple[SealedSecret | AlgorithmUnsupported, int]:
    """Read the serialized object of a secret key and say where it ends.

    Returns:
        The sealed key, or why it is none that can be opened, and the end of the object.

    Raises:
        KeystoreTruncated, KeystoreDamaged: it is no serialized object.
    """
    value, end = java.read_object(data, at)
    match value:
        case java.JavaObject(kind, fields) if kind.name in {SEALED_OBJECT, SEALED_KEY}:
            algorithm = fields.get("sealAlg")
            parameters, content = fields.get("encodedParams"), fields.get("encryptedContent")
            if algorithm != PBE:
                return AlgorithmUnsupported(what, named(algorithm)), end
            if not isinstance(parameters, bytes) or not isinstance(content, bytes):
                raise asn1.damaged("a sealed key without its parameters or its content")
            return SealedSecret(algorithm, parameters, content), end
    return AlgorithmUnsupported(what, f"it is no sealed key but {described(value)}"), end


def opened_secret(sealed: SealedSecret, password: Password, budget: Budget, what: str) -> tuple[str, bytes]:
    """Decrypt a secret key.

    Returns:
        Java's name of its algorithm and the raw key.

    Raises:
        WrongPassword: what comes out is no serialized object.
        AlgorithmUnsupported: what comes out is no secret key, or one of an unknown class.
        KeystoreDamaged, KeystoreTooCostly: as their names say.
    """
    plain = pbe_opened(
        asn1.inner(sealed.parameters),
        sealed.content,
        password,
        budget=budget,
        what=what,
        accept=lambda found: found.startswith(java.MAGIC),
    )
    value, end = java.read_object(plain)
    if end != len(plain):
        raise asn1.damaged(f"{len(plain) - end} bytes follow a serialized key")
    return _raw(value, what)


def _raw(value: java.Value, what: str) -> tuple[str, bytes]:
    algorithm: java.Value = None
    key: java.Value = None
    match value:
        case java.JavaObject(kind, fields) if kind.name == KEY_SPECIFICATION:
            algorithm, key = fields.get("algorithm"), fields.get("key")
        case java.JavaObject(kind, fields) if kind.name == KEY_REPRESENTATION:
            sort = fields.get("type")
            if (
                isinstance(sort, java.JavaEnum)
                and sort.constant == "SECRET"
                and fields.get("format") == "RAW"
            ):
                algorithm, key = fields.get("algorithm"), fields.get("encoded")
        case java.JavaObject(kind, fields) if kind.name in OLD_KEYS:
            algorithm, key = OLD_KEYS[kind.name], fields.get("key")
        case java.JavaObject(kind, fields) if kind.name == OLD_PASSWORD_KEY:
            algorithm, key = fields.get("type"), fields.get("key")
    if not isinstance(algorithm, str) or not isinstance(key, bytes):
        raise AlgorithmUnsupported(what, f"it is no secret key but {described(value)}")
    return algorithm, key


def described(value: java.Value) -> str:
    """Say what a value is, for a message."""
    match value:
        case java.JavaObject(kind) | java.JavaEnum(kind) | java.JavaArray(kind):
            return f"an object of the Java class {named(kind.name)}"
    return "something that is no Java object"


def named(name: java.Value) -> str:
    """Return a name from a file as a message may show it."""
    return printable(name[:100]) if isinstance(name, str) else "none"


def sealed_object(
    algorithm: str, key: bytes, password: Password, *, salt: bytes, iterations: int, budget: Budget
) -> bytes:
    """Write a secret key as the JDK does: a ``SecretKeySpec``, whatever class it was, sealed.

    Args:
        algorithm: Java's name of it.
        key: the raw key, not empty.
        password: of characters that are printable ASCII.
        salt: 8 random bytes, whose halves differ.
        iterations: how often each half is hashed.
        budget: what deriving keys may cost.
    """
    plain = _key_specification(algorithm, key)
    parameters, content = pbe_sealed(plain, password, salt=salt, iterations=iterations, budget=budget)
    return SEALED_HEAD + b"".join(
        (
            java.byte_array(_BYTES, parameters),
            # The description of byte arrays is the stream's sixth part that can be referred to.
            java.byte_array(java.reference(5), content),
            java.string(PBE),
            java.string(PBE),
        )
    )


_BYTES = java.class_description("[B", 0xACF317F8060854E0)
_STRING_TYPE = java.string("Ljava/lang/String;")


def _sealed_head() -> bytes:
    """Return what stands before every sealed key's own bytes: its classes."""
    fields = (
        java.field_description("[", "encodedParams", java.string("[B")),
        java.field_description("[", "encryptedContent", java.reference(2)),
        java.field_description("L", "paramsAlg", _STRING_TYPE),
        java.field_description("L", "sealAlg", java.reference(3)),
    )
    sealed = java.class_description(SEALED_OBJECT, 0x3E363DA6C3B75470, fields)
    ours = java.class_description(SEALED_KEY, 0xCD57CA59E730BB53, (), sealed)
    return java.MAGIC + bytes((java.OBJECT,)) + ours


SEALED_HEAD = _sealed_head()


def _key_specification(algorithm: str, key: bytes) -> bytes:
    fields = (
        java.field_description("L", "algorithm", _STRING_TYPE),
        java.field_description("[", "key", java.string("[B")),
    )
    kind = java.class_description(KEY_SPECIFICATION, 0x5B470B66E230614D, fields)
    return java.MAGIC + bytes((java.OBJECT,)) + kind + java.string(algorithm) + java.byte_array(_BYTES, key)
