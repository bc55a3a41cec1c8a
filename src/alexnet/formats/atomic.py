"""Writing a file so that after any interruption either the old one stands or the whole new one."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"
"""What a temporary file's name ends with; only a process that was killed leaves one behind."""


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Gives a temporary path in the same folder; what was written there becomes `path` at the end.

    The file is on the disk before it takes the name, and the name before this returns. Where
    anything fails, `path` is untouched and the temporary file is gone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        yield temporary
        _to_disk(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders; it writes names through
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
