"""Java's serialized objects taken apart, as far as keys need it; nothing is built but plain values.

Rules of this file:
- No class is looked up, no method is called: an object is the names of its classes and its fields.
- Every length is checked against the bytes that are there; objects, fields and nesting are counted.
- What no key of a JDK has (proxies, externalizable objects, exceptions, strings of 64 kB and more) is refused.

Source: Java Object Serialization Specification, version 6.0, chapter 6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from twoway.errors import KeystoreTruncated
from twoway.keystores.asn1 import damaged
from twoway.keystores.java_text import from_modified_utf8, modified_utf8

MAGIC = b"\xac\xed\x00\x05"
NULL = 0x70
REFERENCE = 0x71
CLASS_DESCRIPTION = 0x72
OBJECT = 0x73
STRING = 0x74
ARRAY = 0x75
BLOCK_DATA = 0x77
END_BLOCK_DATA = 0x78
LONG_BLOCK_DATA = 0x7A
ENUM = 0x7E

WRITE_METHOD = 0x01
SERIALIZABLE = 0x02
EXTERNALIZABLE = 0x04
BASE_HANDLE = 0x7E0000
# The bytes of each primitive type.
SIZES = {"B": 1, "C": 2, "D": 8, "F": 4, "I": 4, "J": 8, "S": 2, "Z": 1}

# A sealed key has 12 objects and descriptions, nested 4 deep.
MAX_OBJECTS = 256
MAX_FIELDS = 64
MAX_DEPTH = 16

U16 = struct.Struct(">H")
U32 = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class JavaClass:
    """A class as the stream describes it: its name, its own fields (type code and name) and its parent."""

    name: str
    flags: int
    fields: tuple[tuple[str, str], ...]
    parent: JavaClass | None


@dataclass(frozen=True, slots=True)
class JavaObject:
    """An object's class and all its fields, those of its parents included."""

    kind: JavaClass
    fields: dict[str, Value] = field(repr=False)


@dataclass(frozen=True, slots=True)
class JavaEnum:
    """One constant of an enumeration."""

    kind: JavaClass
    constant: str


@dataclass(frozen=True, slots=True)
class JavaArray:
    """An array that is none of bytes: nobody here looks into it."""

    kind: JavaClass


# bytes are a byte array, or a primitive's own bytes.
Value = JavaObject | JavaEnum | JavaArray | JavaClass | str | bytes | None


def read_object(data: bytes, at: int = 0) -> tuple[Value, int]:
    """Read a stream of one object and say where it ends.

    Raises:
        KeystoreTruncated: the data end within it.
        KeystoreDamaged: it breaks the rules, or has what no key of a JDK has.
    """
    if data[at : at + len(MAGIC)] != MAGIC[: len(data) - at]:
        raise damaged("a secret key that is no Java object")
    stream = _Stream(data, at)
    stream.take(len(MAGIC))
    return stream.value(), stream.at


class _Stream:
    """Where in the bytes we are, and what later parts may refer back to."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.handles: list[Value] = []
        self.depth = 0

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise KeystoreTruncated("Java object", f"{end} bytes are announced, there are {len(self.data)}")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def octet(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        (number,) = U16.unpack(self.take(2))
        return int(number)

    def u32(self) -> int:
        (number,) = U32.unpack(self.take(4))
        return int(number)

    def text(self) -> str:
        return from_modified_utf8(self.take(self.u16()))

    def remember(self, value: Value) -> None:
        if len(self.handles) == MAX_OBJECTS:
            raise damaged(f"more than {MAX_OBJECTS} Java objects in one key")
        self.handles.append(value)

    def value(self) -> Value:
        """Read one value behind its type code."""
        if self.depth == MAX_DEPTH:
            raise damaged(f"Java objects nested more than {MAX_DEPTH} deep")
        self.depth += 1
        found = self._value(self.octet())
        self.depth -= 1
        return found

    def _value(self, code: int) -> Value:
        if code == NULL:
            return None
        if code == STRING:
            text = self.text()
            self.remember(text)
            return text
        readers = {
            REFERENCE: self._reference,
            CLASS_DESCRIPTION: self._class,
            OBJECT: self._object,
            ARRAY: self._array,
            ENUM: self._enum,
        }
        if code in readers:
            return readers[code]()
        raise damaged(f"type code 0x{code:02x} in a Java object")

    def _reference(self) -> Value:
        handle = self.u32() - BASE_HANDLE
        if not 0 <= handle < len(self.handles):
            raise damaged("a Java object that refers to one that is not there")
        return self.handles[handle]

    def _class(self) -> JavaClass:
        name = self.text()
        self.take(8)  # serialVersionUID
        # The description's own fields may refer to it only by name, so that its place is kept by an empty one.
        place = len(self.handles)
        self.remember(JavaClass(name, 0, (), None))
        flags = self.octet()
        count = self.u16()
        if count > MAX_FIELDS:
            raise damaged(f"a Java class of {count} fields")
        fields = tuple(self._field() for _ in range(count))
        self._annotation()
        parent = self.value()
        if parent is not None and not isinstance(parent, JavaClass):
            raise damaged("a Java class whose parent is none")
        found = JavaClass(name, flags, fields, parent)
        self.handles[place] = found
        return found

    def _field(self) -> tuple[str, str]:
        code = chr(self.octet())
        name = self.text()
        if code in "L[":
            if not isinstance(self.value(), str):
                raise damaged(f"a Java field {name!r} without a type")
        elif code not in SIZES:
            raise damaged(f"a Java field of type {code!r}")
        return code, name

    def _annotation(self) -> None:
        """Pass over what a class wrote by its own method."""
        while (code := self.octet()) != END_BLOCK_DATA:
            if code == BLOCK_DATA:
                self.take(self.octet())
            elif code == LONG_BLOCK_DATA:
                self.take(self.u32())
            else:
                self.at -= 1
                self.value()

    def _described(self) -> JavaClass:
        kind = self.value()
        if not isinstance(kind, JavaClass):
            raise damaged("a Java object without a class")
        return kind

    def _object(self) -> JavaObject:
        kind = self._described()
        found = JavaObject(kind, {})
        self.remember(found)
        for one in _from_the_top(kind):
            if one.flags & EXTERNALIZABLE or not one.flags & SERIALIZABLE:
                raise damaged("a Java object that wrote itself")
            for code, name in one.fields:
                found.fields[name] = self.take(SIZES[code]) if code in SIZES else self.value()
            if one.flags & WRITE_METHOD:
                self._annotation()
        return found

    def _array(self) -> Value:
        kind = self._described()
        place = len(self.handles)
        self.remember(JavaArray(kind))
        count = self.u32()
        code = kind.name[1:2]
        if code not in SIZES:
            for _ in range(count):
                self.value()
            return self.handles[place]
        content = self.take(count * SIZES[code])
        if code == "B":
            self.handles[place] = content
        return self.handles[place]

    def _enum(self) -> JavaEnum:
        kind = self._described()
        place = len(self.handles)
        self.remember(None)
        constant = self.value()
        if not isinstance(constant, str):
            raise damaged("a Java constant without a name")
        found = JavaEnum(kind, constant)
        self.handles[place] = found
        return found


def _from_the_top(kind: JavaClass) -> list[JavaClass]:
    """Return a class and its parents, the first parent first: the order in which fields are written."""
    line: list[JavaClass] = []
    one: JavaClass | None = kind
    while one is not None:
        if len(line) == MAX_DEPTH:
            raise damaged(f"a Java class with more than {MAX_DEPTH} parents")
        line.append(one)
        one = one.parent
    return line[::-1]


def string(text: str) -> bytes:
    """Write a string as a value."""
    return bytes((STRING,)) + named(text)


def named(text: str) -> bytes:
    """Write a name: its count of bytes and its bytes."""
    raw = modified_utf8(text)
    return U16.pack(len(raw)) + raw


def reference(handle: int) -> bytes:
    """Write a reference to what was written before, by its number in the stream."""
    return bytes((REFERENCE,)) + U32.pack(BASE_HANDLE + handle)


def class_description(
    name: str, uid: int, fields: tuple[bytes, ...] = (), parent: bytes = bytes((NULL,))
) -> bytes:
    """Write the description of a serializable class."""
    head = bytes((CLASS_DESCRIPTION,)) + named(name) + struct.pack(">Q", uid)
    return (
        head
        + bytes((SERIALIZABLE,))
        + U16.pack(len(fields))
        + b"".join(fields)
        + bytes((END_BLOCK_DATA,))
        + parent
    )


def field_description(code: str, name: str, kind: bytes) -> bytes:
    """Write the description of a field whose values are objects."""
    return code.encode() + named(name) + kind


def byte_array(description: bytes, content: bytes) -> bytes:
    """Write a byte array, whose class is described or referred to."""
    return bytes((ARRAY,)) + description + U32.pack(len(content)) + content
