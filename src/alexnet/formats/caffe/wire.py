"""Protocol buffers' bytes into messages and back; runs of numbers become arrays without a loop.

A field's wire kinds are 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes
(protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from alexnet.formats.caffe.message import Entry, Message, Numbers, Value
from alexnet.formats.caffe.schema import BY_NAME, BY_NUMBER, ENUMERATIONS, Field
from alexnet.formats.checkpoint import FormatError

MOST_FIELDS = 50_000
"""More than any Caffe model has: every layer with its settings, every array as one."""

FLOATS = {"float": np.dtype("<f4"), "double": np.dtype("<f8")}
SIZES = {1: 8, 5: 4}

# --- reading --------------------------------------------------------------------------------------


@dataclass
class _File:
    """The bytes of a file and how many fields were met so far."""

    data: memoryview
    where: str
    met: int = 0

    def error(self, at: int, sentence: str) -> FormatError:
        return FormatError(f"{self.where}: byte {at}: {sentence}; it may be cut short or damaged")


def decode(data: bytes | memoryview, kind: str, where: str) -> Message:
    """The message of a kind in `data`; all of it is copies, so that `data` may go.

    Raises:
        FormatError: the bytes are no such message; names the byte.
    """
    file = _File(memoryview(data), where)
    return _message(file, 0, len(file.data), kind)


def _message(file: _File, at: int, end: int, kind: str) -> Message:
    """Nested as deep as the schema, in which no message holds itself."""
    found = Message(kind, file.where)
    while at < end:
        file.met += 1
        if file.met > MOST_FIELDS:
            raise FormatError(
                f"{file.where}: holds more than {MOST_FIELDS:,} fields; no Caffe model does"
            )
        start = at
        tag, at = _varint(file, at, end)
        number, wire = tag >> 3, tag & 7
        if number == 0 or wire not in (0, 1, 2, 5):
            raise file.error(start, f"field {number} of wire kind {wire} cannot be")
        known = BY_NUMBER[kind].get(number)
        if known is not None and known.kind in FLOATS and known.repeated and wire != 2:
            at = _loose_numbers(file, start, end, known, wire, found)
            continue
        stop, first = _extent(file, at, end, wire)
        if known is None:
            found.unknown.append(f"field {number} of {kind}")
        else:
            _store(file, known, wire, first, stop, found)
        at = stop
    return found


def _extent(file: _File, at: int, end: int, wire: int) -> tuple[int, int]:
    """Where a value ends, and where its bytes begin."""
    if wire == 0:
        return _varint(file, at, end)[1], at
    length, first = _varint(file, at, end) if wire == 2 else (SIZES[wire], at)
    if length > end - first:
        raise file.error(at, f"a value of {length} bytes does not fit into the {end - first} left")
    return first + length, first


def _store(file: _File, known: Field, wire: int, at: int, end: int, found: Message) -> None:
    values = found.fields.setdefault(known.name, [])
    if known.kind in BY_NUMBER:
        _require(file, known, wire, 2, at)
        values.append(Entry(_message(file, at, end, known.kind)))
    elif known.kind == "string":
        _require(file, known, wire, 2, at)
        values.append(Entry(bytes(file.data[at:end]).decode("utf-8", "replace")))
    elif known.kind in FLOATS and known.repeated:
        _add_numbers(file, known, wire, at, end, found)
    elif known.kind in FLOATS:
        _require(file, known, wire, 1 if known.kind == "double" else 5, at)
        values.append(Entry(_decimal(file.data[at:end], known.kind)))
    elif wire == 2 and known.repeated:
        while at < end:
            file.met += 1
            if file.met > MOST_FIELDS:
                raise FormatError(f"{file.where}: {known.name} holds more numbers than can be")
            value, at = _varint(file, at, end)
            values.append(Entry(_plain(known, value)))
    else:
        _require(file, known, wire, 0, at)
        values.append(Entry(_plain(known, _varint(file, at, end)[0])))


def _require(file: _File, known: Field, wire: int, wanted: int, at: int) -> None:
    if wire != wanted:
        raise file.error(at, f"{known.name} is of wire kind {wire}; it must be {wanted}")


def _add_numbers(file: _File, known: Field, wire: int, at: int, end: int, found: Message) -> None:
    """A packed run as one array; where the schema has plain repeated numbers, number by number."""
    _require(file, known, wire, 2, at)
    numbers = FLOATS[known.kind]
    if (end - at) % numbers.itemsize:
        raise file.error(
            at, f"{known.name} has {end - at} bytes, no multiple of {numbers.itemsize}"
        )
    run = np.frombuffer(file.data[at:end], numbers)
    if known.packed:
        found.fields[known.name].append(Entry(run.copy()))
        return
    file.met += len(run)
    if file.met > MOST_FIELDS:
        raise FormatError(f"{file.where}: {known.name} holds more numbers than can be")
    found.fields[known.name] += [
        Entry(_decimal(run[i : i + 1].tobytes(), known.kind)) for i in range(len(run))
    ]


def _loose_numbers(
    file: _File, start: int, end: int, known: Field, wire: int, found: Message
) -> int:
    """Numbers each with a tag of its own, as old writers left them: a whole run of equal tags at
    once. Returns where the run ends.
    """
    wanted = 1 if known.kind == "double" else 5
    _, first = _varint(file, start, end)
    _require(file, known, wire, wanted, first)
    tag, size = bytes(file.data[start:first]), SIZES[wanted]
    step = len(tag) + size
    if first + size > end:
        raise file.error(start, f"{known.name} is cut off")
    if bytes(file.data[start + step : first + step]) != tag and known.packed:  # one by itself
        number = np.frombuffer(file.data[first : first + size], FLOATS[known.kind])
        found.fields.setdefault(known.name, []).append(Entry(number.copy()))
        return first + size
    rows, at, runs = 1, start, list[Numbers]()
    while at + step <= end and bytes(file.data[at : at + len(tag)]) == tag:
        many = min(rows, (end - at) // step)
        block = np.frombuffer(file.data[at : at + many * step], np.uint8).reshape(many, step)
        same = (block[:, : len(tag)] == np.frombuffer(tag, np.uint8)).all(axis=1)
        many = many if same.all() else int(np.argmin(same))
        runs.append(np.ascontiguousarray(block[:many, len(tag) :]).view(FLOATS[known.kind])[:, 0])
        at, rows = at + many * step, rows * 4
    values = found.fields.setdefault(known.name, [])
    if known.packed:
        values.append(Entry(np.concatenate(runs)))
        return at
    file.met += sum(map(len, runs))
    if file.met > MOST_FIELDS:
        raise FormatError(f"{file.where}: {known.name} holds more numbers than can be")
    values += [Entry(_decimal(n.tobytes(), known.kind)) for run in runs for n in run]
    return at


def _varint(file: _File, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for index in range(at, min(end, at + 10)):
        byte = file.data[index]
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value & (1 << 64) - 1, index + 1
    raise file.error(at, "a number does not end")


def _plain(known: Field, value: int) -> int | bool | str:
    if known.kind == "bool":
        return value != 0
    if value >= 1 << 63:
        value -= 1 << 64
    if known.kind == "int":
        return value
    names = {number: name for name, number in ENUMERATIONS[known.kind].items()}
    return names.get(value, str(value))


def _decimal(data: bytes | memoryview, kind: str) -> float:
    """A float32 as the shortest decimal that is it, so that 0.1 from bytes is 0.1 from a text."""
    if kind == "double":
        return float(struct.unpack("<d", data)[0])
    return float(str(np.frombuffer(data, "<f4")[0]))


# --- writing --------------------------------------------------------------------------------------


@dataclass
class _Parts:
    """What a message is written as: bytes, and arrays that are turned into bytes when their turn
    comes.
    """

    pieces: list[bytes | Numbers] = field(default_factory=list[bytes | Numbers])
    size: int = 0

    def add(self, data: bytes) -> None:
        self.pieces.append(data)
        self.size += len(data)


def encode(message: Message) -> tuple[list[bytes | Numbers], int]:
    """A message as pieces to write one after another, and how many bytes they are.

    An array is written as float32, little end first; it is not converted here.
    """
    parts = _encoded(message)
    return parts.pieces, parts.size


def piece_bytes(piece: bytes | Numbers) -> bytes | memoryview:
    """A piece as what a file takes."""
    if isinstance(piece, bytes):
        return piece
    return np.ascontiguousarray(piece, "<f4").reshape(-1).view(np.uint8).data


def _encoded(message: Message) -> _Parts:
    parts = _Parts()
    fields = BY_NAME[message.kind]
    for name in sorted(message.fields, key=lambda name: fields[name].number):
        known = fields[name]
        values = [entry.value for entry in message.fields[name]]
        if known.packed and known.kind == "int":
            run = b"".join(_put_varint(value) for value in values if isinstance(value, int))
            parts.add(_tag(known, 2) + _put_varint(len(run)) + run)
            continue
        for value in values:
            _put(parts, known, value)
    return parts


def _put(parts: _Parts, known: Field, value: Value) -> None:
    if isinstance(value, Message):
        inner = _encoded(value)
        parts.add(_tag(known, 2) + _put_varint(inner.size))
        parts.pieces += inner.pieces
        parts.size += inner.size
    elif isinstance(value, np.ndarray):
        parts.add(_tag(known, 2) + _put_varint(4 * value.size))
        parts.pieces.append(value.reshape(-1))
        parts.size += 4 * value.size
    elif known.kind == "string":
        data = str(value).encode()
        parts.add(_tag(known, 2) + _put_varint(len(data)) + data)
    elif known.kind in ENUMERATIONS:
        parts.add(_tag(known, 0) + _put_varint(ENUMERATIONS[known.kind][str(value)]))
    elif known.kind == "float":
        assert isinstance(value, int | float), f"{known.name} takes a number"
        parts.add(_tag(known, 5) + np.array(value, "<f4").tobytes())
    else:
        assert known.kind in ("int", "bool"), f"{known.kind} is never written"
        assert isinstance(value, int), f"{known.name} takes a whole number"
        parts.add(_tag(known, 0) + _put_varint(int(value)))


def _tag(known: Field, wire: int) -> bytes:
    return _put_varint(known.number << 3 | wire)


def _put_varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def joined(pieces: Sequence[bytes | Numbers]) -> bytes:
    """Pieces as one run of bytes."""
    return b"".join(map(piece_bytes, pieces))
