"""Whether a file is one of Caffe's, from its first bytes and its name."""

from __future__ import annotations

import re

from alexnet.formats.caffe.schema import BY_NUMBER

TEXT = re.compile(
    rb"^\s*(?:(?:\#[^\n]*)?\n|name\s*:[^\n]*\n|[ \t\r]+)*(?:layers?\s*:?\s*\{|input\s*:\s*[\"'])"
)
LAYER_FIELDS = {
    "layer": BY_NUMBER["LayerParameter"],
    "layers": BY_NUMBER["V1LayerParameter"],
}


def is_definition(head: bytes, name: str) -> bool:
    """Whether a file may be a definition: by its ending, or text that begins like one."""
    if name.lower().endswith((".prototxt", ".pbtxt")):
        return b"\0" not in head
    return b"\0" not in head and TEXT.match(head) is not None


def is_model(head: bytes, name: str) -> bool:
    """Whether a file may be a model: by its ending, or bytes that begin as a net's do.

    These are its name, which is text, perhaps inputs, and a layer, of whichever version, that
    begins with a name or with what it reads; graphs of ONNX begin with a number.
    """
    if name.lower().endswith(".caffemodel"):
        return True
    at = 0
    if head[:1] == b"\x0a":
        length, at = head[1] if len(head) > 1 else 255, 2
        if length > 127 or not _is_text(head[at : at + length]):
            return False
        at += length
    at = _after_inputs(head, at)
    if head[at : at + 2] == b"\xa2\x06":  # field 100, layer
        starts, at = (b"\x0a",), at + 2
    elif head[at : at + 1] == b"\x12":  # field 2, layers
        starts, at = (b"\x0a", b"\x12", b"\x1a", b"\x22"), at + 1
    else:
        return False
    while at < len(head) and head[at] > 127:
        at += 1
    at += 1
    length = head[at + 1] if at + 1 < len(head) else 255
    inner = head[at + 2 : at + 2 + length]
    return head[at : at + 1] in starts and 0 < length < 128 and _is_text(inner)


def _after_inputs(head: bytes, at: int) -> int:
    """Behind the bare inputs of a net, which are names, numbers and shapes, all of them short."""
    while at + 1 < len(head) and head[at + 1] < 128:
        if head[at] in (0x1A, 0x42):  # fields 3 and 8, input and input_shape
            at += 2 + head[at + 1]
        elif head[at] == 0x20:  # field 4, input_dim
            at += 2
        else:
            break
    return at


def _is_text(data: bytes) -> bool:
    return bool(data) and all(32 <= byte < 127 for byte in data)
