"""Caffe's text files (protocol buffers' text form) into messages, and messages into text as Caffe
lays it out. What a setting means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from alexnet.formats.caffe.message import Entry, Message
from alexnet.formats.caffe.schema import BY_NAME, ENUMERATIONS, Field
from alexnet.formats.checkpoint import FormatError
from alexnet.formats.cuda_convnet.notes import nearest, shown

MOST_BYTES = 1 << 20
MOST_DEEP = 100
MOST_TOKENS = 150_000

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v]+|\#[^\n]*)|(?P<line>\n)|(?P<name>[A-Za-z_][A-Za-z0-9_./-]*)"""
    r"""|(?P<number>-?[0-9.][A-Za-z0-9_.+-]*|-[A-Za-z]+)"""
    r"""|(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<mark>[{}<>:;,\[\]])"""
)
ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
CLOSES = {"{": "}", "<": ">"}

# --- reading --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


@dataclass(slots=True)
class _Open:
    """A message that is being read; `message` is None inside a field that is not known."""

    message: Message | None
    close: str


def parse(text: str, kind: str, where: str) -> Message:
    """The message of a kind in a text.

    Raises:
        FormatError: the text is no such message; names the line.
    """
    return _Parser(text, where).whole(kind)


class _Parser:
    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.tokens = _tokens(text, where)
        self.ahead: _Token | None = None
        self.met = 0

    def whole(self, kind: str) -> Message:
        """Reads to the end; nested messages lie on a stack of our own, so that none is too deep."""
        root = Message(kind, f"{self.where}: line 1")
        stack = [_Open(root, "")]
        while (token := self.next()) is not None:
            top = stack[-1]
            if token.text == top.close:
                stack.pop()
                self.skip(",;")
            elif token.kind != "name":
                raise self.error(token, "a field's name was expected")
            else:
                self._field(token, stack)
                if len(stack) > MOST_DEEP:
                    raise self.error(token, f"messages lie more than {MOST_DEEP} deep")
        if len(stack) > 1:
            raise FormatError(f"{self.where}: ends before '{stack[-1].close}'")
        return root

    def _field(self, token: _Token, stack: list[_Open]) -> None:
        message = stack[-1].message
        known = None if message is None else BY_NAME[message.kind].get(token.text)
        if message is not None and known is None:
            message.unknown.append(token.text)
        colon = self.skip(":")
        mark = self.peek()
        if mark is not None and mark.text in CLOSES and mark.kind == "mark":
            self.next()
            inner = None if known is None else self._inner(known, token)
            if known is not None and message is not None and inner is not None:
                message.fields.setdefault(known.name, []).append(Entry(inner, token.line))
            stack.append(_Open(inner, CLOSES[mark.text]))
            return
        if not colon:
            raise self.error(token, "':' or '{' was expected after it")
        values = self._values(token)
        if message is None or known is None:
            return
        if not known.repeated and len(values) != 1:
            raise self.error(token, f"has {len(values)} values; it takes one")
        entries = message.fields.setdefault(known.name, [])
        entries += [Entry(self._value(known, value), value.line) for value in values]

    def _inner(self, known: Field, token: _Token) -> Message:
        if known.kind not in BY_NAME:
            raise self.error(token, f"is a message; it takes a value ({known.kind})")
        return Message(known.kind, f"{self.where}: line {token.line}")

    def _values(self, token: _Token) -> list[_Token]:
        """One value, or several in brackets; strings that follow one another are one."""
        if not self.skip("["):
            value = self._one(token)
            self.skip(",;")
            return [value]
        found: list[_Token] = []
        while not self.skip("]"):
            found.append(self._one(token))
            if not self.skip(",") and (mark := self.peek()) is not None and mark.text != "]":
                raise self.error(token, "']' was expected after its values")
        self.skip(",;")
        return found

    def _one(self, token: _Token) -> _Token:
        value = self.next()
        if value is None or value.kind == "mark":
            raise self.error(token, "has no value")
        if value.kind != "string":
            return value
        parts = [_unescaped(value.text)]
        while (more := self.peek()) is not None and more.kind == "string":
            parts.append(_unescaped(more.text))
            self.next()
        return _Token("string", "".join(parts), value.line)

    def _value(self, known: Field, token: _Token) -> int | bool | float | str:
        try:
            value = _converted(known, token)
        except ValueError:
            value = None
        if value is not None:
            return value
        wanted = known.kind
        if known.kind in ENUMERATIONS:
            names = ENUMERATIONS[known.kind]
            near = nearest(token.text, names)
            wanted = f"one of {', '.join(names)}" if near is None else near
        said = f"{known.name} is {shown(token.text)}; it must be {wanted}"
        raise FormatError(f"{self.where}: line {token.line}: {said}")

    def next(self) -> _Token | None:
        token = self.peek()
        self.ahead = None
        return token

    def peek(self) -> _Token | None:
        if self.ahead is None:
            self.ahead = next(self.tokens, None)
            self.met += 1
            if self.met > MOST_TOKENS:
                raise FormatError(f"{self.where}: holds more than {MOST_TOKENS:,} words and marks")
        return self.ahead

    def skip(self, marks: str) -> bool:
        token = self.peek()
        if token is None or token.kind != "mark" or token.text not in marks:
            return False
        self.ahead = None
        return True

    def error(self, token: _Token, sentence: str) -> FormatError:
        return FormatError(f"{self.where}: line {token.line}: '{shown(token.text)}': {sentence}")


def _tokens(text: str, where: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            rest = text[at : at + 40].split("\n", 1)[0]
            raise FormatError(f"{where}: line {line}: '{shown(rest)}' is no text of Caffe's")
        at, kind = match.end(), match.lastgroup
        if kind == "line":
            line += 1
        elif kind is not None and kind != "space":
            yield _Token(kind, match[0], line)


def _unescaped(text: str) -> str:
    """A quoted string's content. Octal and hexadecimal escapes are bytes of UTF-8."""

    def one(match: re.Match[str]) -> str:
        said = match[1]
        if said[0] == "x" and len(said) > 1:
            return chr(int(said[1:], 16))
        if said[0] in "01234567":
            return chr(int(said, 8) & 255)
        return ESCAPES.get(said, said)

    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    plain = ESCAPE.sub(one, inner)
    try:
        return plain.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return plain


def _converted(known: Field, token: _Token) -> int | bool | float | str | None:
    """A token as a field's value; None, or ValueError, where it is none."""
    text, bare = token.text, token.kind != "string"
    if known.kind == "string":
        return None if bare else text
    if not bare or known.kind not in ENUMERATIONS and "_" in text:  # Python's, not Caffe's
        return None
    if known.kind in ("float", "double"):
        return float(text.rstrip("fF") if text.rstrip("fF")[-1:].isdigit() else text)
    if known.kind == "bool":
        return {"true": True, "t": True, "1": True, "True": True}.get(
            text, False if text in ("false", "f", "0", "False") else None
        )
    if known.kind in ENUMERATIONS:
        names = ENUMERATIONS[known.kind]
        by_number = {str(number): name for name, number in names.items()}
        return text if text in names else by_number.get(text)
    if known.kind != "int" or len(text) > 20:
        return None
    octal = len(text.lstrip("-")) > 1 and text.lstrip("-").isdigit() and text.lstrip("-")[0] == "0"
    value = int(text, 8 if octal else 0)
    return value if -(1 << 63) <= value < 1 << 63 else None


# --- writing --------------------------------------------------------------------------------------


def format_text(message: Message) -> str:
    """A message as text, two blanks deeper inside each other one; its fields in their order."""
    return "".join(f"{line}\n" for line in _lines(message, ""))


def _lines(message: Message, indent: str) -> Iterator[str]:
    fields = BY_NAME[message.kind]
    for name, entries in message.fields.items():
        for entry in entries:
            value = entry.value
            if isinstance(value, Message):
                yield f"{indent}{name} {{"
                yield from _lines(value, indent + "  ")
                yield f"{indent}}}"
            else:
                yield f"{indent}{name}: {_written(fields[name], value)}"


def _written(known: Field, value: object) -> str:
    if known.kind == "string":
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
