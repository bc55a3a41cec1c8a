"""JSON as strangers send it, and as answers carry it: strictly read, compactly written."""

from __future__ import annotations

import json

from alexnet.explorer.asking import AskError


def json_of(data: bytes, name: str = "the body") -> object:
    """The tree in `data`.

    Raises:
        AskError: 400, it is none, nests too deeply, or holds a number that is none.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise AskError(400, f"{name}: is no text (byte {error.start} is not UTF-8)") from None
    except json.JSONDecodeError as error:
        raise AskError(400, f"{name}:{error.lineno}: not JSON ({error.msg})") from None
    except (RecursionError, ValueError):
        raise AskError(400, f"{name}: nested too deeply, or a number that is none") from None


def _refuse(text: str) -> object:
    raise ValueError(text)


def json_bytes(tree: object) -> bytes:
    """A tree as an answer carries it; numbers that are none are a mistake of ours."""
    return json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", errors="replace"
    )
