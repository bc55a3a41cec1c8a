"""A model file's bytes, apart from what they mean: the graph's description without its numbers, and
where in the file the numbers lie. So no number is in memory twice, and none is read unasked.

The wire format is Protocol Buffers' (protobuf.dev, "Encoding"), field numbers are onnx.proto's.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from alexnet.formats.checkpoint import FormatError

LARGEST_FILE = 2**31 - 1
"""What Protocol Buffers take for one message."""

LARGEST_DESCRIPTION = 8 * 2**20
"""Bytes of everything but numbers; a message in memory is many times its bytes."""

SMALLEST_BLOB = 1024
"""Numbers of fewer bytes stay in the description."""

GRAPH, INITIALIZER, RAW_DATA, NODE = 7, 5, 9, 1

_INSIDE: dict[str, dict[int, str]] = {
    "model": {GRAPH: "graph"},
    "graph": {NODE: "node", INITIALIZER: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor"},
    "tensor": {},
}
"""Which fields of a message hold messages that may hold tensors."""

_NUMBERS = {4: "float_data", RAW_DATA: "raw_data", 10: "double_data"}
"""A tensor's fields of little-endian numbers: packed, they are as raw ones."""

_MARK = 12
"""A tensor's `doc_string`, in which the description says where its numbers lie."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Numbers in a file.

    Attributes:
        path: the file.
        offset, length: in bytes.
        kind: the tensor's field that holds them.
    """

    path: Path
    offset: int
    length: int
    kind: str = "raw_data"

    def read(self, dtype: np.dtype, shape: tuple[int, ...]) -> NDArray[np.generic]:
        """The numbers, in memory of their own.

        Raises:
            FormatError: the file has become shorter, or cannot be read.
        """
        array = np.empty(shape, dtype.newbyteorder("<"))
        assert array.nbytes == self.length, "the caller has compared the lengths"
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                read = file.readinto(array.reshape(-1).view(np.uint8).data)
        except OSError as error:
            raise FormatError(f"{self.path}: cannot be read ({error.strerror or error})") from None
        if read != self.length:
            raise FormatError(
                f"{self.path}: ends at byte {self.offset + read:,} of {self.offset + self.length:,}"
                " that its tensors take; it is cut short"
            )
        return array.astype(dtype, copy=False)


@dataclass(slots=True)
class Description:
    """A model without its large numbers.

    Attributes:
        message: a ModelProto; each tensor's `doc_string` is the index of its blob, or ''.
        blobs: where those numbers lie.
    """

    message: bytes = b""
    blobs: list[Blob] = field(default_factory=list[Blob])


def description_of(path: Path) -> Description:
    """What the file says but for its large numbers, which are passed over.

    Raises:
        FormatError: it cannot be read, is too large, or is no such message.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size > LARGEST_FILE:
                raise FormatError(
                    f"{path}: has {size:,} bytes, and no ONNX model has more than {LARGEST_FILE:,};"
                    " larger ones keep their weights in a file beside them"
                )
            if not size:
                raise FormatError(f"{path}: is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                scan = _Scan(path, view)
                message = scan.rewritten("model", 0, size)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from None
    return Description(message, scan.blobs)


class _Scan:
    """One walk over a file's fields."""

    def __init__(self, path: Path, view: mmap.mmap) -> None:
        self.path, self.view = path, view
        self.blobs: list[Blob] = []
        self.kept = 0

    def rewritten(self, kind: str, start: int, end: int) -> bytes:
        """The message without blobs; it nests no deeper than the tables above."""
        parts: list[bytes] = []
        own: list[Blob] = []
        position = start
        while position < end:
            begin = position
            tag, after = self._varint(begin, end)
            number, wire = tag >> 3, tag & 7
            if wire != 2:
                position = self._past(wire, after, end)
                parts.append(self._kept(begin, position))
                continue
            length, content = self._varint(after, end)
            if length > end - content:
                self._refuse(begin, f"a field of {length:,} bytes where {end - content:,} are")
            position = content + length
            inside = _INSIDE[kind].get(number)
            if inside is not None:
                self.kept += 8
                parts.append(_field(number, self.rewritten(inside, content, position)))
            elif kind == "tensor" and number in _NUMBERS and length >= SMALLEST_BLOB:
                own.append(Blob(self.path, content, length, _NUMBERS[number]))
            else:
                parts.append(_varint(tag) + _varint(length) + self._kept(content, position))
        if kind == "tensor":
            parts.append(_field(_MARK, self._mark(own, start)))
        return b"".join(parts)

    def _mark(self, own: list[Blob], start: int) -> bytes:
        if len(own) > 1:
            self._refuse(start, "a tensor whose numbers are in several pieces")
        self.blobs += own
        return str(len(self.blobs) - 1).encode() if own else b""

    def _kept(self, start: int, end: int) -> bytes:
        self.kept += end - start + 2
        if self.kept > LARGEST_DESCRIPTION:
            raise FormatError(
                f"{self.path}: its graph takes more than {LARGEST_DESCRIPTION:,} bytes beside its"
                " weights; no network that is expressible here needs as many"
            )
        return self.view[start:end]

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        """The number that begins at `position`, and where it ends."""
        value = 0
        for place in range(10):
            if position + place >= end:
                break
            byte = self.view[position + place]
            value |= (byte & 127) << 7 * place
            if byte < 128:
                return value, position + place + 1
        self._refuse(position, "a number that does not end")
        raise AssertionError("refused")

    def _past(self, wire: int, position: int, end: int) -> int:
        if wire == 0:
            return self._varint(position, end)[1]
        if wire not in (1, 5):
            self._refuse(position, f"a field of wire type {wire}")
        position += 8 if wire == 1 else 4
        if position > end:
            self._refuse(end, "the middle of a number")
        return position

    def _refuse(self, position: int, what: str) -> None:
        raise FormatError(
            f"{self.path}: is no whole ONNX model, at byte {position:,} stands {what}; it may be"
            " cut short"
        )


# --- writing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Numbers:
    """An initializer to write: what says its name, type and shape, and its numbers.

    Attributes:
        tensor: a TensorProto without numbers, serialised.
        array: C-ordered, little-endian; None where the tensor says that they are elsewhere.
    """

    tensor: bytes
    array: NDArray[np.generic] | None


def write_message(
    file: BinaryIO, model: bytes, graph: bytes, initializers: Iterable[Numbers]
) -> None:
    """A model in one pass, each initializer's numbers straight from their array.

    Args:
        file: opened for writing.
        model: a ModelProto without its graph, serialised.
        graph: a GraphProto without its initializers, serialised.
        initializers: in order.
    """
    ready = [(_opening(each), each.array) for each in initializers]
    length = len(graph)
    length += sum(len(opening) + (0 if a is None else a.nbytes) for opening, a in ready)
    file.write(model)
    file.write(_varint(GRAPH << 3 | 2) + _varint(length))
    file.write(graph)
    for opening, array in ready:
        file.write(opening)
        if array is not None and array.size:
            file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _opening(numbers: Numbers) -> bytes:
    """A graph's initializer up to where its numbers begin, which come last."""
    inside = numbers.tensor
    count = 0
    if numbers.array is not None:
        count = numbers.array.nbytes
        inside += _varint(RAW_DATA << 3 | 2) + _varint(count)
    return _varint(INITIALIZER << 3 | 2) + _varint(len(inside) + count) + inside


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    return bytes(_septets(value))


def _septets(value: int) -> Iterator[int]:
    while value > 127:
        yield value & 127 | 128
        value >>= 7
    yield value
