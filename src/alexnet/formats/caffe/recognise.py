"""Whether a file is one of Caffe's, from its first bytes and its name."""

from __future__ import annotations

import re

BEGINS = re.compile(rb"(?:layers?\s*:?\s*\{|input\s*:\s*[\"'])")


def is_definition(head: bytes, name: str) -> bool:
    """Whether a file may be a definition: by its ending, or text that begins like one."""
    if name.lower().endswith((".prototxt", ".pbtxt")):
        return b"\0" not in head
    if b"\0" in head:
        return False
    for line in head.splitlines():
        said = line.strip()
        if said and not said.startswith(b"#") and not re.match(rb"name\s*:[^{]*$", said):
            return BEGINS.match(said) is not None or (
                said in (b"layer", b"layers") and b"{" in head
            )
    return False


def is_model(head: bytes, name: str) -> bool:
    """Whether a file may be a model: by its ending, or bytes that begin as a net's do.

    These are its name, perhaps inputs, and a layer of whichever version, which begins with a name
    or with what it reads; graphs of ONNX begin with a number.
    """
    if name.lower().endswith(".caffemodel"):
        return True
    at = 0
    if head[:1] == b"\x0a":  # field 1, name
        at = _after_text(head, 0)
    at = _after_inputs(head, at)
    if head[at : at + 2] == b"\xa2\x06":  # field 100, layer
        inner = _after_number(head, at + 2)
        return head[inner : inner + 1] == b"\x0a" and _after_text(head, inner) > inner
    if head[at : at + 1] != b"\x12":  # field 2, layers
        return False
    inner = _after_number(head, at + 1)
    if head[inner : inner + 1] in (b"\x12", b"\x1a", b"\x22"):  # bottom, top and name of V1
        return _after_text(head, inner) > inner
    deeper = _after_number(head, inner + 1)  # V0's layer in a layer, which begins with its name
    return head[inner : inner + 1] == head[deeper : deeper + 1] == b"\x0a" and (
        _after_text(head, deeper) > deeper
    )


def _after_inputs(head: bytes, at: int) -> int:
    """Behind the bare inputs of a net: names, sides and shapes."""
    while True:
        match head[at : at + 1]:
            case b"\x1a":  # field 3, input
                after = _after_text(head, at)
            case b"\x20":  # field 4, input_dim
                after = _after_number(head, at + 1)
            case b"\x42":  # field 8, input_shape
                after = at + 2 + head[at + 1] if at + 1 < len(head) else at
            case _:
                return at
        if after <= at:
            return at
        at = after


def _after_number(head: bytes, at: int) -> int:
    while at < len(head) and head[at] > 127:
        at += 1
    return at + 1


def _after_text(head: bytes, at: int) -> int:
    """Behind a field that is a short text; where it begins, if it is none."""
    length = head[at + 1] if at + 1 < len(head) else 0
    text = head[at + 2 : at + 2 + length]
    whole = 0 < length < 128 and len(text) == length
    return at + 2 + length if whole and all(32 <= byte < 127 for byte in text) else at
