"""The folder that a store is written to: one command at a time, swept, and failing in sentences."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alexnet.formats.atomic import PARTIAL
from alexnet.images.preparing.shards import NOTE
from alexnet.images.preparing.workers import PrepareError

try:
    import fcntl
except ImportError:  # Windows has no such locks; there two commands could meet unawares
    fcntl = None

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def opened(out: Path) -> Iterator[None]:
    """Make the folder and hold its lock, which the system takes back when the process dies.

    Raises PrepareError where another command has it, and in place of any OSError within.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _alone(out):
            yield
    except OSError as error:
        raise PrepareError(_sentence(out, error)) from error


def sweep(out: Path, *, notes_too: bool = False) -> None:
    """Remove what killed processes left half-written; of a complete store the shards' notes too."""
    for path in out.iterdir():
        if is_partial(path) or (notes_too and path.suffix == NOTE):
            path.unlink(missing_ok=True)


def is_partial(path: Path) -> bool:
    """Whether a file was being written when its writer was killed."""
    return path.name.startswith(".") and path.name.endswith(PARTIAL)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    handle = os.open(out, os.O_RDONLY) if fcntl else -1
    try:
        if fcntl:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"{out}: another 'alexnet prepare' is at work there; wait for its end"
                raise PrepareError(message) from None
            except OSError:
                pass  # some network file systems have no locks
        yield
    finally:
        if fcntl:
            os.close(handle)


def _sentence(out: Path, error: OSError) -> str:
    place = error.filename if isinstance(error.filename, str) else str(out)
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        return (
            f"{out}: the disk is full ({reason}); the store is incomplete: make room, and the same"
            " command goes on from the finished shards"
        )
    if error.errno in _CLOSED:
        return f"{place}: cannot be written to ({reason}); give a folder that can"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{place}: is no folder; give a new one, or an empty one"
    return (
        f"{place}: cannot be written ({reason}); the store is incomplete, and the same command goes"
        " on from the finished shards"
    )
