"""The machine that a pickle is a program for: the bytes, a stack with marks, a memo. What the
opcodes do with it is said in `plain` and `objects`.

Everything that takes memory or time beyond the opcode's own bytes is counted before it is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from alexnet.formats.checkpoint import FormatError
from alexnet.formats.safe_pickle.values import PLAIN_ONLY, Foreign, Unbuilt, told

MULTIPLE, ALLOWANCE = 64, 2**20
"""A pickle may take this many times its size, and so many bytes, of memory."""

LONGEST_LINE = 200
"""Characters of a number, or of the name of a module or a class, that is written as a line."""

ITEM, CONTAINER = 16, 64
"""Roughly what a place in a container and a container take, in bytes."""

LARGEST_KEY, LONGEST_KEY = 60, 4096
"""Bits of a whole number and characters of a text that are keys: beyond them many numbers can be
chosen that hash alike, and comparing two texts again and again takes for ever."""

STOP = ord(".")


class Machine:
    """One reading of one pickle; `run` may be called once."""

    def __init__(
        self,
        data: bytes,
        where: str,
        largest: int,
        inert: frozenset[str],
        foreign: Foreign | None = None,
    ) -> None:
        """Takes what `load` takes."""
        self.data, self.where, self.inert, self.foreign = data, where, inert, foreign
        self.view = memoryview(data)
        self.left = min(largest, ALLOWANCE + MULTIPLE * len(data))
        self.largest = self.left
        self.at = 0
        self.start = 0
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}
        self.announced = 0

    def run(self, actions: Mapping[int, Action], *, whole: bool = True) -> object:
        """The value that the pickle describes, which ends where the bytes do if it is `whole`."""
        if len(self.data) > self.largest:
            self.start = len(self.data)
            self.spend(len(self.data))
        while True:
            self.start = self.at
            opcode = self.take(1)[0]
            if opcode == STOP:
                return self.finish(whole)
            action = actions.get(opcode)
            if action is None:
                self.damaged(f"is {bytes([opcode])!r}, which is no opcode")
            action(self)

    def finish(self, whole: bool) -> object:
        """The result, once it is sure that nothing is missing and nothing follows."""
        value = self.pop()
        if self.announced:
            self.damaged(f"ends it, and {self.announced} announced arrays were never described")
        if whole and self.at != len(self.data):
            self.damaged(f"ends it, and {len(self.data) - self.at:,} bytes follow")
        return value

    def damaged(self, why: str) -> NoReturn:
        """Raises the error for bytes that are no pickle."""
        raise FormatError(f"{self.where}: is not a whole pickle: byte {self.start:,} {why}")

    def refused(self, what: str) -> NoReturn:
        """Raises the error for a pickle that asks for more than plain values."""
        raise FormatError(
            f"{self.where}: asks at byte {self.start:,} for {what} while it is unpickled, and was"
            f" not obeyed; {self.foreign.instead if self.foreign else PLAIN_ONLY}"
        )

    def spend(self, size: int) -> None:
        """Counts memory before it is taken."""
        self.left -= size
        if self.left < 0:
            raise FormatError(
                f"{self.where}: would take more than {self.largest:,} bytes of memory at byte"
                f" {self.start:,} of {len(self.data):,}; no sound pickle of this size does"
            )

    def take(self, count: int) -> memoryview:
        """The next bytes, not copied."""
        there = len(self.data) - self.at
        if count > there:
            self.damaged(f"needs {count:,} more bytes and {there:,} are left; it is cut short")
        self.at += count
        return self.view[self.at - count : self.at]

    def number(self, count: int, signed: bool = False) -> int:
        """The next bytes as a whole number, lowest first."""
        return int.from_bytes(self.take(count), "little", signed=signed)

    def line(self, longest: int | None = LONGEST_LINE) -> bytes:
        """The next bytes up to the end of the line."""
        limit = len(self.data) if longest is None else self.at + longest + 1
        end = self.data.find(b"\n", self.at, limit)
        if end < 0:
            self.damaged("begins a line that does not end where it should; it may be cut short")
        content = self.data[self.at : end]
        self.at = end + 1
        return content

    def pop(self) -> object:
        """The value on the stack, above the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            self.damaged("wants a value and there is none")
        return self.stack.pop()

    def top(self) -> object:
        """The value on the stack, left there."""
        self.stack.append(self.pop())
        return self.stack[-1]

    def above_mark(self) -> list[object]:
        """The values above the last mark; they and the mark are gone."""
        if not self.marks:
            self.damaged("wants a mark and there is none")
        mark = self.marks.pop()
        self.spend(ITEM * (len(self.stack) - mark))
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def push(self, value: object, size: int = 0) -> None:
        """Puts a value on the stack; `size` is what it takes."""
        self.spend(size)
        self.stack.append(value)

    def keys(self, values: list[object]) -> list[object]:
        """The values, once it is sure that all may be keys of a dict or members of a set.

        Anything deeper than text and numbers can be made to take for ever when it is hashed.
        """
        self.spend(4 * ITEM * len(values))
        for value in values:
            match value:
                case str() | bytes() if len(value) <= LONGEST_KEY:
                    pass
                case int() if value.bit_length() <= LARGEST_KEY:
                    pass
                case None | float():
                    pass
                case _:
                    self.refused(f"a dict or a set with the key {told(value)}")
        return values

    def fill(self, target: dict[object, object], pairs: list[object]) -> None:
        """Sets items from keys and values in turn."""
        if len(pairs) % 2:
            self.damaged("sets an item without a value")
        target.update(zip(self.keys(pairs[::2]), pairs[1::2], strict=True))

    def remember(self, index: int) -> None:
        """Keeps what lies on the stack under a number."""
        if not 0 <= index <= len(self.data):
            self.damaged(f"keeps a value as number {index:,}, beyond the {len(self.data):,} bytes")
        value = self.top()
        self.spend(2 * ITEM)
        if isinstance(value, Unbuilt):
            value.places.append(index)
        self.memo[index] = value

    def recall(self, index: int) -> None:
        """Puts on the stack what was kept."""
        if index not in self.memo:
            self.damaged(f"wants the value kept as number {index:,}, and none was")
        value = self.memo[index]
        if isinstance(value, Unbuilt):
            self.damaged("uses an array before it is described")
        self.stack.append(value)


Action = Callable[[Machine], None]
"""What one opcode does."""
