"""The wire format of protobuf, as far as ONNX files are stepped through without a library for it.

A message is a row of fields, each with a number and a value whose length is known, so that what
is of no interest is stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def field(stream: BinaryIO, end: int) -> tuple[int, int]:
    """The number of the field that begins here, and the bytes of its value, which follow.

    Raises:
        ValueError: this is not protobuf, or the value ends beyond `end`.
    """
    tag = _varint(stream)
    kind = tag & 7
    if kind == _VARINT:
        _varint(stream)
    length = {_VARINT: 0, _EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind)
    if kind == _LENGTH:
        length = _varint(stream)
    if length is None or tag < 8 or stream.tell() + length > end:
        raise ValueError("this is not protobuf")
    return tag >> 3, length


def fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, value and the field as it stands; the value of what is no text or message is b"".

    Raises:
        ValueError: this is not protobuf.
    """
    place, end = 0, len(message)
    while place < end:
        start = place
        tag, place = _number(message, place)
        kind, length = tag & 7, 0
        if kind == _LENGTH:
            length, place = _number(message, place)
        elif kind == _VARINT:
            _, place = _number(message, place)
        else:
            length = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind, end)
        if tag < 8 or place + length > end:
            raise ValueError("this is not protobuf")
        value = message[place : place + length]
        place += length
        yield tag >> 3, value, message[start:place]


def numbers(chunk: bytes) -> list[int]:
    """The whole numbers of a field as it stands: one, or several packed together."""
    tag, place = _number(chunk, 0)
    if tag & 7 == _LENGTH:
        _, place = _number(chunk, place)
    found = []
    while place < len(chunk):
        value, place = _number(chunk, place)
        found.append(value)
    return found


def written(at: int, value: bytes) -> bytes:
    """A field of bytes: a text or a message."""
    return _as_varint(at << 3 | _LENGTH) + _as_varint(len(value)) + value


def number(at: int, value: int) -> bytes:
    """A field of a whole number from 0 on."""
    return _as_varint(at << 3 | _VARINT) + _as_varint(value)


def _varint(stream: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError("this is not protobuf")


def _number(message: bytes, place: int) -> tuple[int, int]:
    """The number that stands at a place, and the place behind it."""
    if place < len(message) and message[place] < 128:  # nearly always
        return message[place], place + 1
    value = 0
    for shift, byte in zip(range(0, 70, 7), message[place : place + 10], strict=False):
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("this is not protobuf")


def _as_varint(value: int) -> bytes:
    if value < 128:
        return bytes((value,))
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes((*found, value))
