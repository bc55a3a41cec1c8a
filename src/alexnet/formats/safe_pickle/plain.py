"""The opcodes that make numbers, text and containers, and those that move values about."""

from __future__ import annotations

import re
import struct

from alexnet.formats.safe_pickle.machine import CONTAINER, ITEM, Action, Machine
from alexnet.formats.safe_pickle.values import Unbuilt, is_dict, is_list, is_set, told

LONGEST_NUMBER = 255
"""Bytes of a whole number; of one that is written out, digits that fit into them."""

TEXT, NUMBER, SET = 64, 32, 216
"""Roughly what a text, a number and a set take before their content, in bytes."""

QUOTED = re.compile(rb"(?:[^\\]++|\\(?:x[0-9a-fA-F]{2}|[\\'\"abfnrtv]))*+")
"""What Python 2's repr writes between its quotes."""

ESCAPE = re.compile(rb"\\(?:x(..)|(.))")
SIMPLE = dict(zip(b"\\'\"abfnrtv", b"\\'\"\a\b\f\n\r\t\v", strict=True))

WHOLE = re.compile(rb"([+-]?[0-9]{1,190})L?")
FLOATING = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|inf|nan)")
INDEX = re.compile(rb"[0-9]{1,18}")


# --- numbers and text -----------------------------------------------------------------------------


def _int_line(m: Machine) -> None:
    line = m.line()
    match = WHOLE.fullmatch(line)
    if match is None:
        m.damaged(f"writes a whole number as {told(line)}")
    m.push(line == b"01" if line in (b"00", b"01") else int(match[1]), NUMBER)


def _float_line(m: Machine) -> None:
    line = m.line()
    if not FLOATING.fullmatch(line):
        m.damaged(f"writes a number as {told(line)}")
    m.push(float(line), NUMBER)


def _long(m: Machine, width: int) -> None:
    size = m.number(width)
    if size > LONGEST_NUMBER:
        m.damaged(f"announces a number of {size:,} bytes; {LONGEST_NUMBER} is the most")
    m.push(m.number(size, signed=True), NUMBER + size)


def _byte_string(m: Machine, width: int) -> None:
    """A `str` of Python 2."""
    content = m.take(m.number(width))
    m.spend(TEXT + len(content))
    m.push(str(content, "latin-1"))


def _bytes(m: Machine, width: int) -> None:
    content = m.take(m.number(width))
    m.spend(TEXT + len(content))
    m.push(bytes(content))


def _unicode(m: Machine, width: int) -> None:
    content = m.take(m.number(width))
    m.spend(TEXT + 4 * len(content))
    try:
        m.push(str(content, "utf-8"))
    except UnicodeDecodeError:
        m.damaged("holds text that is no UTF-8")


def _unicode_line(m: Machine) -> None:
    content = m.line(None)
    m.spend(TEXT + 4 * len(content))
    try:
        value = content.decode("raw-unicode-escape")
        value.encode("utf-8")  # half a pair of surrogates is no text that could be printed
    except UnicodeError:
        m.damaged("holds text that is no Unicode")
    m.push(value)


def _quoted_line(m: Machine) -> None:
    """A `str` of Python 2 as its repr."""
    line = m.line(None)
    quote, inner = line[:1], line[1:-1]
    if len(line) < 2 or quote not in (b"'", b'"') or line[-1:] != quote:
        m.damaged("holds a string without its quotes")
    m.spend(TEXT + 4 * len(line))
    if not QUOTED.fullmatch(inner):
        m.damaged("holds a string that is not as Python 2 writes one")
    m.push(ESCAPE.sub(_unescaped, inner).decode("latin-1"))


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return bytes.fromhex(match[1].decode("ascii"))
    return bytes([SIMPLE[match[2][0]]])


# --- containers -----------------------------------------------------------------------------------


def _mark(m: Machine) -> None:
    m.spend(ITEM)
    m.marks.append(len(m.stack))


def _pop(m: Machine) -> None:
    if m.marks and m.marks[-1] == len(m.stack):
        m.marks.pop()
    else:
        m.pop()


def _pop_to_mark(m: Machine) -> None:
    m.above_mark()


def _twice(m: Machine) -> None:
    if isinstance(m.top(), Unbuilt):
        m.damaged("uses an array before it is described")
    m.stack.append(m.stack[-1])


def _tuple(m: Machine, count: int) -> None:
    values = [m.pop() for _ in range(count)]
    m.push(tuple(reversed(values)), CONTAINER)


def _tuple_to_mark(m: Machine) -> None:
    values = m.above_mark()
    m.push(tuple(values), CONTAINER + ITEM * len(values))


def _append(m: Machine, values: list[object]) -> None:
    target = m.top()
    if not is_list(target):
        m.damaged(f"appends to {told(target)}")
    m.spend(ITEM * len(values))
    target.extend(values)


def _set_items(m: Machine, pairs: list[object]) -> None:
    target = m.top()
    if not is_dict(target):
        m.damaged(f"sets items of {told(target)}")
    m.fill(target, pairs)


def _set_item(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    _set_items(m, [key, value])


def _dict(m: Machine) -> None:
    made: dict[object, object] = {}
    m.fill(made, m.above_mark())
    m.push(made, CONTAINER)


def _add_items(m: Machine) -> None:
    values = m.above_mark()
    target = m.top()
    if not is_set(target):
        m.damaged(f"adds to {told(target)}")
    target.update(m.keys(values))


def _frozen_set(m: Machine) -> None:
    m.push(frozenset(m.keys(m.above_mark())), SET)


# --- the memo, and what stands around it all ------------------------------------------------------


def _index_line(m: Machine) -> int:
    line = m.line()
    if not INDEX.fullmatch(line):
        m.damaged(f"numbers a value {told(line)}")
    return int(line)


def _protocol(m: Machine) -> None:
    version = m.number(1)
    if version > 5:
        m.damaged(f"says protocol {version}; 0 to 5 are known")


def _frame(m: Machine) -> None:
    size, there = m.number(8), len(m.data) - m.at
    if size > there:
        m.damaged(f"announces {size:,} bytes and {there:,} are left; it is cut short")


PLAIN: dict[int, Action] = {
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("I"): _int_line,
    ord("L"): _int_line,
    ord("J"): lambda m: m.push(m.number(4, signed=True), NUMBER),
    ord("K"): lambda m: m.push(m.number(1)),
    ord("M"): lambda m: m.push(m.number(2), NUMBER),
    0x8A: lambda m: _long(m, 1),
    0x8B: lambda m: _long(m, 4),
    ord("F"): _float_line,
    ord("G"): lambda m: m.push(struct.unpack(">d", m.take(8))[0], NUMBER),
    ord("S"): _quoted_line,
    ord("T"): lambda m: _byte_string(m, 4),
    ord("U"): lambda m: _byte_string(m, 1),
    ord("B"): lambda m: _bytes(m, 4),
    ord("C"): lambda m: _bytes(m, 1),
    0x8E: lambda m: _bytes(m, 8),
    0x96: lambda m: _bytes(m, 8),
    ord("V"): _unicode_line,
    ord("X"): lambda m: _unicode(m, 4),
    0x8C: lambda m: _unicode(m, 1),
    0x8D: lambda m: _unicode(m, 8),
    ord("("): _mark,
    ord("0"): _pop,
    ord("1"): _pop_to_mark,
    ord("2"): _twice,
    ord(")"): lambda m: m.push(()),
    ord("t"): _tuple_to_mark,
    0x85: lambda m: _tuple(m, 1),
    0x86: lambda m: _tuple(m, 2),
    0x87: lambda m: _tuple(m, 3),
    ord("]"): lambda m: m.push([], CONTAINER),
    ord("l"): lambda m: m.push(m.above_mark(), CONTAINER),
    ord("a"): lambda m: _append(m, [m.pop()]),
    ord("e"): lambda m: _append(m, m.above_mark()),
    ord("}"): lambda m: m.push({}, CONTAINER),
    ord("d"): _dict,
    ord("s"): _set_item,
    ord("u"): lambda m: _set_items(m, m.above_mark()),
    0x8F: lambda m: m.push(set[object](), SET),
    0x90: _add_items,
    0x91: _frozen_set,
    ord("p"): lambda m: m.remember(_index_line(m)),
    ord("q"): lambda m: m.remember(m.number(1)),
    ord("r"): lambda m: m.remember(m.number(4)),
    0x94: lambda m: m.remember(len(m.memo)),
    ord("g"): lambda m: m.recall(_index_line(m)),
    ord("h"): lambda m: m.recall(m.number(1)),
    ord("j"): lambda m: m.recall(m.number(4)),
    0x80: _protocol,
    0x95: _frame,
}
"""What each of these opcodes does (the letters of Python's `pickletools`)."""
